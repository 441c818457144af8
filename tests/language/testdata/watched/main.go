// Command watched writes to a variable 50 times, 20 ms apart.
package main

import "time"

// Watched is what watchpoints look at. It comes from the file: what begins as zero is
// written by the kernel, too, which clears the rest of its page.
var Watched int64 = 1

func main() {
	for range 50 {
		Watched++
		time.Sleep(20 * time.Millisecond)
	}
}
