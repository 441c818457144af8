// Package gobin knows a binary: what it is, where its functions are, and, for
// Go binaries, what their run-time structures say. Every fact comes from the
// file itself (ELF, build information, pclntab, DWARF, run-time type data) or
// from a table checked against toolchains that were really built with.
//
// Addresses are virtual addresses as the file states them; a running process
// has them shifted by its load bias (see Process). Files are foreign bytes:
// what is truncated or lies gives an error, never a panic, and sizes read from
// a file are capped before memory is asked for.
package gobin
