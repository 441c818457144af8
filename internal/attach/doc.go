// Package attach loads compiled units into the kernel and links them to their
// sites. It owns every file descriptor of a session: maps, programs, links and
// perf events; closing the session leaves nothing behind, and neither does a
// kill of the process.
package attach
