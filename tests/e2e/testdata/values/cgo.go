//go:build cgo

package main

import "C" // for a program with C's start-up code and thread-local storage
