// Package codegen compiles lowered probe bodies to eBPF map and program specs.
//
// The way of a body: statements and expressions become a linear intermediate
// code with virtual registers (build), which is cleaned of what has no effect
// (opt), mapped to the ten registers and the 512-byte stack (regalloc) and
// written as instructions (emit). Each instruction keeps the span of the
// script it came from.
//
// The package is pure: no system calls, no files, no clock. Kernel features
// and the target's ABI come in as a Target; the same input gives the same
// bytes. It knows neither Go frames nor RPC: lower has made ordinary nodes of
// them.
package codegen
