package disk_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// asNobody runs f as a user who may do nothing.
func asNobody(t *testing.T, f func()) {
	if os.Geteuid() == 0 {
		done := make(chan struct{})
		go func() { // the thread ends with it, since it stays locked
			defer close(done)
			runtime.LockOSThread()
			if _, _, e := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); e != 0 {
				t.Error(e)
			}
			f()
		}()
		<-done
		return
	}
	f()
}
