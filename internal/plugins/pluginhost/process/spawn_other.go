//go:build !linux

package process

import "errors"

// spawner is for Linux: it needs namespaces.
type spawner struct{}

func (r *Runner) forks() bool { return false }

func (s *Spawners) start(string, string, []string) (*spawner, error) {
	return nil, errors.ErrUnsupported
}

func (*spawner) fork(order, files) (proc, error) { return proc{}, errors.ErrUnsupported }

func (*spawner) close() {}
