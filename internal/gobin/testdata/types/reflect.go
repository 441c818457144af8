package main

import "reflect"

// reflectCall calls methods found by name at run time, as RPC servers do, so
// that the linker keeps every exported method's type.
func reflectCall(v any) (n int) {
	t := reflect.TypeOf(v)
	for i := 0; i < t.NumMethod(); i++ {
		n += t.Method(i).Type.NumIn()
	}
	return n
}
