// Package rpc knows the RPC frameworks: which functions of theirs to probe, what
// lies where when they are called, and how the probes together make a call.
//
// A framework is data: a script in the tracing language, and the functions that
// its probes stand on. Adding one is adding a file and a line in All.
//
// What a framework's script has beyond the language:
//
//   - a probe's name says which of the framework's probes it is; its attach point is
//     for people only
//   - args holds the parameters that the framework's data lists, args.g the goroutine's
//     runtime.g, and where a function begins args.closure what it closes over
//   - report((field=value, …)) is where a call has ended. It has to be the last thing
//     that the probe does: the user's body may return. A field that is not given is
//     absent; numbers that turn out to be NOTHING are, too. A text is a string, or a
//     pair of address and length in the process's memory. The value of metadata reads
//     the name key, or http_key and grpc_key, which are spelled as these frameworks do. Those
//     of args and reply say how they were encoded, then address and length, or a copy
//   - encoded(ADDRESS, LENGTH) is such a copy, for what is gone when the call ends
//   - letters((WORD, …)) is the text whose bytes the words are
//   - constants: NOTHING; binary, its number among those of the trace; want_FIELD, whether the user's body names a field;
//     has_PROBE, whether the binary has functions for a probe; on_server
//     and on_client; g_goid, g_parent and g_panic, offsets in runtime.g (0: not known);
//     the facts of the framework's data; map_swiss, map_group, map_keys, map_key, map_elems
//     and map_elem, how the maps of headers lie
//   - memory that cannot be read is zero, and is no loss
//
// Its maps, variables and macros are its own, for each rpc point of the user's script
// once; the maps of common.bt are all frameworks'. Entries of processes that end are
// swept, and those that lie for long in a map that is half full: of the maps that the
// framework's Tables name, which hold calls under way, this is told.
package rpc
