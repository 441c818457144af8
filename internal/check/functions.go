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
		{Name: "tseries", Args: "n, interval_ns, num[, agg]", Min: 3, Max: 4, Doc: "the last value of each interval, or its avg, sum, min or max, for the last num intervals", aggregate: aggTSeries},

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
		{Name: "debugf", Args: "format, ...", Min: 1, Max: 4, Effect: true, Doc: "writes to the kernel's trace pipe", call: (*body).callDebugf},

		// Texts and memory.
		{Name: "str", Args: "ptr[, size]", Min: 1, Max: 2, Doc: "reads a string", call: (*body).callStr},
		{Name: "buf", Args: "ptr[, size]", Min: 1, Max: 2, Doc: "reads bytes", call: (*body).callBuf},
		{Name: "strlen", Args: "s", Min: 1, Max: 1, Doc: "length of a string", call: (*body).callStrlen},
		{Name: "strcap", Args: "s", Min: 1, Max: 1, Doc: "capacity of a string", call: (*body).callStrcap},
		{Name: "strncmp", Args: "a, b, n", Min: 3, Max: 3, Doc: "0 if the first n bytes are equal", call: (*body).callStrncmp},
		{Name: "strcontains", Args: "s, part", Min: 2, Max: 2, Doc: "whether s contains part", call: (*body).callStrcontains},
		{Name: "strstr", Args: "s, part", Min: 2, Max: 2, Doc: "index of part in s, or -1", call: (*body).callStrstr},
		{Name: "strftime", Args: "format, ns", Min: 2, Max: 2, Async: true, Doc: "formats ns since boot", call: (*body).callStrftime},
		{Name: "memcmp", Args: "a, b, n", Min: 3, Max: 3, Doc: "0 if n bytes are equal, else the sign of the first difference", call: (*body).callMemcmp},
		{Name: "str_concat", Args: "a, b", Min: 2, Max: 2, Doc: "one string of two", call: (*body).callStrConcat},
		{Name: "bswap", Args: "n", Min: 1, Max: 1, Doc: "swaps the bytes of an integer", call: (*body).callBswap},
		{Name: "uptr", Args: "ptr", Min: 1, Max: 1, Doc: "the pointer leads to user memory", call: (*body).callUptr},
		{Name: "kptr", Args: "ptr", Min: 1, Max: 1, Doc: "the pointer leads to kernel memory", call: (*body).callKptr},

		// Places.
		{Name: "kstack", Args: "[mode][, limit]", Max: 2, Doc: "kernel stack", call: (*body).callKstack},
		{Name: "ustack", Args: "[mode][, limit]", Max: 2, Doc: "user stack", call: (*body).callUstack},
		{Name: "dw_ustack", Args: "[mode][, limit]", Max: 2, Doc: "user stack, also of code without frame pointers, of the processes of `-p`, `-c` and `--dwarf-pid`", call: (*body).callDwarfStack},
		{Name: "ksym", Args: "addr", Min: 1, Max: 1, Async: true, Doc: "kernel symbol at an address", call: (*body).callKsym},
		{Name: "usym", Args: "addr", Min: 1, Max: 1, Async: true, Doc: "user symbol at an address", call: (*body).callUsym},
		{Name: "kaddr", Args: `"symbol"`, Min: 1, Max: 1, Doc: "address of a kernel symbol", call: (*body).callKaddr},
		{Name: "uaddr", Args: `"symbol"`, Min: 1, Max: 1, Kinds: onUser, Doc: "address of a symbol of the traced binary", call: (*body).callUaddr},
		{Name: "reg", Args: `"name"`, Min: 1, Max: 1, Kinds: onRegisters, Doc: "value of a register", call: (*body).callReg},
		{Name: "usdt_arg", Args: "n", Min: 1, Max: 1, Kinds: onUSDT, Doc: "argument n of a static probe", call: (*body).callUsdtArg},
		{Name: "nsecs", Args: "[mode]", Max: 1, Doc: "time in ns: boot, monotonic or tai", call: (*body).callNsecs},

		// The rest.
		{Name: "ntop", Args: "[af, ]addr", Min: 1, Max: 2, Doc: "an address as text", call: (*body).callNtop},
		{Name: "macaddr", Args: "bytes", Min: 1, Max: 1, Doc: "a hardware address as text", call: (*body).callMacaddr},
		{Name: "cgroup_path", Args: "id[, filter]", Min: 1, Max: 2, Async: true, Doc: "path of a cgroup", call: (*body).callCgroupPath},
		{Name: "getopt", Args: "name[, default[, doc]]", Min: 1, Max: 3, Doc: "an option given behind --", call: (*body).callGetopt},
		{Name: "signal", Args: "sig", Min: 1, Max: 1, Unsafe: true, Effect: true, Doc: "sends a signal to the process", call: (*body).callSignal},
		{Name: "assert", Args: "cond, message", Min: 2, Max: 2, Async: true, Effect: true, Doc: "ends with an error unless cond holds", call: (*body).callAssert},

		// Tasks.
		{Name: "ppid", Args: "[task]", Max: 1, Doc: "process id of the parent", call: (*body).callPpid},
		{Name: "pcomm", Args: "[task]", Max: 1, Doc: "name of the parent", call: (*body).callPcomm},
		{Name: "leader_comm", Args: "[task]", Max: 1, Doc: "name of the process's first thread", call: (*body).callLeaderComm},
		{Name: "leader_tid", Args: "[task]", Max: 1, Doc: "thread id of the process's first thread", call: (*body).callLeaderTid},
		{Name: "usermode", Kinds: onRegisters | onOwn, Doc: "1 if the probe interrupted user code", call: (*body).callUsermode},
		{Name: "signal_thread", Args: "sig", Min: 1, Max: 1, Unsafe: true, Effect: true, Doc: "sends a signal to the thread", call: (*body).callSignalThread},
		{Name: "cgroupid", Args: `"path"`, Min: 1, Max: 1, Doc: "id of the cgroup at a path", call: (*body).callCgroupid},

		// Numbers with names.
		{Name: "signal_name", Args: "n", Min: 1, Max: 1, Doc: "what a signal means", call: (*body).callSignalName},
		{Name: "strerror", Args: "n", Min: 1, Max: 1, Doc: "what an error number means", call: (*body).callStrerror},
		{Name: "syscall_name", Args: "n", Min: 1, Max: 1, Doc: "name of a system call", call: (*body).callSyscallName},
		{Name: "pton", Args: `"addr"`, Min: 1, Max: 1, Doc: "the bytes of an IP address, in network order", call: (*body).callPton},

		// Memory of the kernel and of processes.
		{Name: "container_of", Args: "ptr, typeof(type), member", Min: 3, Max: 3, Doc: "pointer to the struct whose member ptr leads to", call: (*body).callContainerOf},
		{Name: "percpu_kaddr", Args: `"symbol"[, cpu]`, Min: 1, Max: 2, Doc: "address of a per-CPU symbol", call: (*body).callPercpuKaddr},
		{Name: "socket_cookie", Args: "sk", Min: 1, Max: 1, Doc: "the cookie of a struct sock *", call: (*body).callSocketCookie},
		{Name: "write_user", Args: "dst, src, len", Min: 3, Max: 3, Unsafe: true, Effect: true, Doc: "writes to the process's memory; true if it could", call: (*body).callWriteUser},
		{Name: "override", Args: "rc", Min: 1, Max: 1, Kinds: onKprobe, Unsafe: true, Effect: true, Doc: "the function returns rc at once", call: (*body).callOverride},

		{Name: "path", Args: "path[, size]", Min: 1, Max: 2, Kinds: onFentry | onFexit | onIter, Doc: "the name, from the root on, of a file that a struct path stands for", call: (*body).callPath},

		{Name: "skboutput", Args: `"file", skb, length, offset`, Min: 4, Max: 4, Kinds: onFentry | onFexit | onRawTracepoint | onIter, Effect: true,
			Doc: "writes the first length bytes of a packet, without those before offset, to a pcap file; 0, or negative where it could not", call: (*body).callSkboutput},
		{Name: "unwatch", Args: "addr", Min: 1, Max: 1, Async: true, Effect: true, Doc: "takes the watchpoints off an address", call: (*body).callUnwatch},

		// Questions to the compiler.
		{Name: "static_assert", Args: "cond, message", Min: 2, Max: 2, Effect: true, Doc: "an error unless cond is a constant yes", call: (*body).callStaticAssert},
		{Name: "assert_str", Args: "x", Min: 1, Max: 1, Effect: true, Doc: "an error unless x can be taken as a string", call: (*body).callAssertStr},
		{Name: "fail", Args: "format, ...", Min: 1, Max: -1, Effect: true, Doc: "an error where this is compiled", call: (*body).callFail},
		{Name: "is_array", Args: "x", Min: 1, Max: 1, Doc: "whether x is an array", call: (*body).callIsArray},
		{Name: "is_err", Args: "ptr", Min: 1, Max: 1, Doc: "whether a pointer is an error number in disguise", call: (*body).callIsErr},
		{Name: "is_integer", Args: "x", Min: 1, Max: 1, Doc: "whether x is an integer", call: (*body).callIsInteger},
		{Name: "is_literal", Args: "x", Min: 1, Max: 1, Doc: "whether x is a constant", call: (*body).callIsLiteral},
		{Name: "is_ptr", Args: "x", Min: 1, Max: 1, Doc: "whether x is a pointer", call: (*body).callIsPtr},
		{Name: "is_scalar", Args: "@m", Min: 1, Max: 1, Doc: "whether the map has no keys", call: (*body).callIsScalar},
		{Name: "is_str", Args: "x", Min: 1, Max: 1, Doc: "whether x is a string", call: (*body).callIsStr},
		{Name: "is_unsigned_integer", Args: "x", Min: 1, Max: 1, Doc: "whether x is an unsigned integer", call: (*body).callIsUnsigned},
		{Name: "kfunc_allowed", Args: `"name"`, Min: 1, Max: 1, Doc: "whether the kernel lets such programs call a function", call: (*body).callKfuncAllowed},
		{Name: "kfunc_exist", Args: `"name"`, Min: 1, Max: 1, Doc: "whether the kernel has a function", call: (*body).callKfuncExist},
	}
}
