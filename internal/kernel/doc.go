// Package kernel tells the facts of the kernel it runs on: which features work
// (found by trying them, never by comparing versions), the types of its BTF,
// its tracepoints, symbols, system calls, CPUs, clocks and namespaces.
//
// Every fact is looked up when it is first asked for and kept: a run that
// needs two of them pays for two. [Detect] returns the place where they are
// kept; everything it hands out may be used from several goroutines.
package kernel
