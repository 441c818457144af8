package check

// Functions lists the functions of the language, by family.
func Functions() []Function {
	return []Function{
		// Values of maps.
		{Name: "count", Doc: "counts how often it is reached", aggregate: aggCount},
		{Name: "sum", Args: "n", Min: 1, Max: 1, Doc: "adds up n", aggregate: aggSum},
		{Name: "avg", Args: "n", Min: 1, Max: 1, Doc: "average of n", aggregate: aggAvg},
		{Name: "min", Args: "n", Min: 1, Max: 1, Doc: "smallest n", aggregate: aggMin},
		{Name: "max", Args: "n", Min: 1, Max: 1, Doc: "largest n", aggregate: aggMax},
		{Name: "stats", Args: "n", Min: 1, Max: 1, Doc: "count, average and total of n", aggregate: aggStats},
		{Name: "hist", Args: "n[, bits]", Min: 1, Max: 2, Doc: "histogram with power-of-two buckets", aggregate: aggHist},
		{Name: "lhist", Args: "n, min, max, step", Min: 4, Max: 4, Doc: "histogram with buckets of one width", aggregate: aggLHist},
		{Name: "tseries", Args: "n, interval_ns, num[, agg]", Min: 3, Max: 4, Soon: true, Doc: "values over time"},

		// Maps.
		{Name: "clear", Args: "@m", Min: 1, Max: 1, Async: true, Effect: true, Doc: "removes all keys", call: (*body).callClear},
		{Name: "zero", Args: "@m", Min: 1, Max: 1, Async: true, Effect: true, Doc: "sets all values to zero", call: (*body).callZero},
		{Name: "delete", Args: "@m[, key]", Min: 1, Max: 2, Effect: true, Doc: "removes one key; true if it was there", call: (*body).callDelete},
		{Name: "has_key", Args: "@m, key", Min: 2, Max: 2, Doc: "whether the map has the key", call: (*body).callHasKey},
		{Name: "find", Args: "@m, key, $v", Min: 3, Max: 3, Effect: true, Doc: "sets $v to the key's value; false if there is none", call: (*body).callFind},
		{Name: "len", Args: "x", Min: 1, Max: 1, Doc: "number of keys of a map, frames of a stack, elements of a Go value", call: (*body).callLen},

		// Output.
		{Name: "print", Args: "x[, top[, div]]", Min: 1, Max: 3, Async: true, Effect: true, Doc: "prints a value, or a map", call: (*body).callPrint},
		{Name: "printf", Args: "format, ...", Min: 1, Max: -1, Async: true, Effect: true, Doc: "prints formatted text", call: (*body).callPrintf},
		{Name: "errorf", Args: "format, ...", Min: 1, Max: -1, Async: true, Effect: true, Doc: "prints an error with the place in the script", call: (*body).callErrorf},
		{Name: "warnf", Args: "format, ...", Min: 1, Max: -1, Async: true, Effect: true, Doc: "prints a warning with the place in the script", call: (*body).callWarnf},
		{Name: "cat", Args: "format, ...", Min: 1, Max: -1, Async: true, Effect: true, Doc: "prints a file", call: (*body).callCat},
		{Name: "system", Args: "format, ...", Min: 1, Max: -1, Async: true, Effect: true, Unsafe: true, Doc: "runs a shell command", call: (*body).callSystem},
		{Name: "join", Args: "argv[, sep]", Min: 1, Max: 2, Async: true, Effect: true, Doc: "prints an array of strings", call: (*body).callJoin},
		{Name: "time", Args: "[format]", Max: 1, Async: true, Effect: true, Doc: "prints the time of day", call: (*body).callTime},
		{Name: "exit", Args: "[code]", Max: 1, Async: true, Effect: true, Doc: "ends rpcxray", call: (*body).callExit},
		{Name: "debugf", Args: "format, ...", Min: 1, Max: 4, Effect: true, Soon: true, Doc: "writes to the kernel's trace pipe"},

		// Texts and memory.
		{Name: "str", Args: "ptr[, size]", Min: 1, Max: 2, Doc: "reads a string", call: (*body).callStr},
		{Name: "buf", Args: "ptr[, size]", Min: 1, Max: 2, Doc: "reads bytes", call: (*body).callBuf},
		{Name: "strlen", Args: "s", Min: 1, Max: 1, Doc: "length of a string", call: (*body).callStrlen},
		{Name: "strcap", Args: "s", Min: 1, Max: 1, Doc: "capacity of a string", call: (*body).callStrcap},
		{Name: "strncmp", Args: "a, b, n", Min: 3, Max: 3, Doc: "0 if the first n bytes are equal", call: (*body).callStrncmp},
		{Name: "strcontains", Args: "s, part", Min: 2, Max: 2, Doc: "whether s contains part", call: (*body).callStrcontains},
		{Name: "strstr", Args: "s, part", Min: 2, Max: 2, Doc: "index of part in s, or -1", call: (*body).callStrstr},
		{Name: "strftime", Args: "format, ns", Min: 2, Max: 2, Async: true, Doc: "formats ns since boot", call: (*body).callStrftime},
		{Name: "memcmp", Args: "a, b, n", Min: 3, Max: 3, Soon: true, Doc: "compares memory"},
		{Name: "bswap", Args: "n", Min: 1, Max: 1, Doc: "swaps the bytes of an integer", call: (*body).callBswap},
		{Name: "uptr", Args: "ptr", Min: 1, Max: 1, Doc: "the pointer leads to user memory", call: (*body).callUptr},
		{Name: "kptr", Args: "ptr", Min: 1, Max: 1, Doc: "the pointer leads to kernel memory", call: (*body).callKptr},

		// Places.
		{Name: "kstack", Args: "[mode][, limit]", Max: 2, Doc: "kernel stack", call: (*body).callKstack},
		{Name: "ustack", Args: "[mode][, limit]", Max: 2, Doc: "user stack", call: (*body).callUstack},
		{Name: "ksym", Args: "addr", Min: 1, Max: 1, Async: true, Doc: "kernel symbol at an address", call: (*body).callKsym},
		{Name: "usym", Args: "addr", Min: 1, Max: 1, Async: true, Doc: "user symbol at an address", call: (*body).callUsym},
		{Name: "kaddr", Args: `"symbol"`, Min: 1, Max: 1, Doc: "address of a kernel symbol", call: (*body).callKaddr},
		{Name: "uaddr", Args: `"symbol"`, Min: 1, Max: 1, Kinds: onUser, Doc: "address of a symbol of the traced binary", call: (*body).callUaddr},
		{Name: "reg", Args: `"name"`, Min: 1, Max: 1, Kinds: onRegisters, Doc: "value of a register", call: (*body).callReg},
		{Name: "nsecs", Args: "[mode]", Max: 1, Doc: "time in ns: boot, monotonic or tai", call: (*body).callNsecs},

		// The rest.
		{Name: "ntop", Args: "[af, ]addr", Min: 1, Max: 2, Doc: "an address as text", call: (*body).callNtop},
		{Name: "macaddr", Args: "bytes", Min: 1, Max: 1, Doc: "a hardware address as text", call: (*body).callMacaddr},
		{Name: "cgroup_path", Args: "id[, filter]", Min: 1, Max: 2, Async: true, Doc: "path of a cgroup", call: (*body).callCgroupPath},
		{Name: "getopt", Args: "name[, default[, doc]]", Min: 1, Max: 3, Doc: "an option given behind --", call: (*body).callGetopt},
		{Name: "signal", Args: "sig", Min: 1, Max: 1, Unsafe: true, Effect: true, Doc: "sends a signal to the process", call: (*body).callSignal},
		{Name: "assert", Args: "cond, message", Min: 2, Max: 2, Async: true, Effect: true, Doc: "ends with an error unless cond holds", call: (*body).callAssert},
		{Name: "assert_str", Args: "x", Min: 1, Max: 1, Soon: true}, {Name: "static_assert", Args: "cond, message", Min: 2, Max: 2, Soon: true},
		{Name: "fail", Args: "format, ...", Min: 1, Max: -1, Soon: true}, {Name: "cgroupid", Args: `"path"`, Min: 1, Max: 1, Soon: true},
		{Name: "container_of", Args: "ptr, type, member", Min: 3, Max: 3, Soon: true}, {Name: "path", Args: "ptr[, size]", Min: 1, Max: 2, Soon: true},
		{Name: "percpu_kaddr", Args: `"symbol"[, cpu]`, Min: 1, Max: 2, Soon: true}, {Name: "pton", Args: `"addr"`, Min: 1, Max: 1, Soon: true},
		{Name: "override", Args: "rc", Min: 1, Max: 1, Unsafe: true, Soon: true}, {Name: "skboutput", Args: "file, skb, len, off", Min: 4, Max: 4, Soon: true},
		{Name: "socket_cookie", Args: "sk", Min: 1, Max: 1, Soon: true}, {Name: "str_concat", Args: "a, b", Min: 2, Max: 2, Soon: true},
		{Name: "strerror", Args: "n", Min: 1, Max: 1, Soon: true}, {Name: "signal_name", Args: "n", Min: 1, Max: 1, Soon: true},
		{Name: "syscall_name", Args: "n", Min: 1, Max: 1, Soon: true}, {Name: "signal_thread", Args: "sig", Min: 1, Max: 1, Unsafe: true, Soon: true},
		{Name: "unwatch", Args: "addr", Min: 1, Max: 1, Soon: true}, {Name: "write_user", Args: "dst, src, len", Min: 3, Max: 3, Unsafe: true, Soon: true},
		{Name: "dw_ustack", Args: "[mode][, limit]", Max: 2, Soon: true}, {Name: "usdt_arg", Args: "n", Min: 1, Max: 1, Soon: true},
		{Name: "ppid", Max: 1, Soon: true}, {Name: "pcomm", Max: 1, Soon: true}, {Name: "leader_comm", Max: 1, Soon: true}, {Name: "leader_tid", Max: 1, Soon: true},
		{Name: "numaid", Soon: true}, {Name: "usermode", Soon: true}, {Name: "probetype", Soon: true}, {Name: "config", Soon: true},
		{Name: "is_scalar", Args: "@m", Min: 1, Max: 1, Soon: true}, {Name: "is_err", Args: "x", Min: 1, Max: 1, Soon: true},
		{Name: "is_array", Args: "x", Min: 1, Max: 1, Soon: true}, {Name: "is_integer", Args: "x", Min: 1, Max: 1, Soon: true},
		{Name: "is_literal", Args: "x", Min: 1, Max: 1, Soon: true}, {Name: "is_ptr", Args: "x", Min: 1, Max: 1, Soon: true},
		{Name: "is_str", Args: "x", Min: 1, Max: 1, Soon: true}, {Name: "is_unsigned_integer", Args: "x", Min: 1, Max: 1, Soon: true},
		{Name: "kfunc_allowed", Args: `"name"`, Min: 1, Max: 1, Soon: true}, {Name: "kfunc_exist", Args: `"name"`, Min: 1, Max: 1, Soon: true},
	}
}
