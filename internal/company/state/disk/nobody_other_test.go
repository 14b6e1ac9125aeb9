//go:build !linux

package disk_test

import "testing"

// asNobody runs f; only on Linux does a thread change what it may do with files.
func asNobody(_ *testing.T, f func()) { f() }
