package process

import (
	"context"
	"fmt"
	"time"
)

// pool is the workers of one plugin.
type pool struct {
	slots chan *worker // holds one entry per slot; nil is a worker not started yet
}

// worker is an interpreter that is kept.
type worker struct {
	*child
	runner  *Runner
	scratch scratch // for what the plugin's import needs, as long as it lives
}

func (w *worker) end() {
	w.close()
	w.runner.leave(w.fence)
	w.scratch.remove()
}

func (r *Runner) pool(c Code) (*pool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("closed")
	}
	p := r.pools[c.key()]
	if p == nil {
		p = &pool{slots: make(chan *worker, r.Slots)}
		for range r.Slots {
			p.slots <- nil
		}
		r.pools[c.key()] = p
	}
	return p, nil
}

// take waits for a slot, and prefers one whose worker runs already.
func (p *pool) take(ctx context.Context) (*worker, error) {
	for range cap(p.slots) {
		select {
		case w := <-p.slots:
			if w != nil {
				return w, nil
			}
			p.slots <- nil
		default:
		}
	}
	select {
	case w := <-p.slots:
		return w, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Kept runs one call in a worker, which it starts if none is idle and replaces
// if the call kills it. Waiting for a worker is not part of the call's time.
func (r *Runner) Kept(ctx context.Context, j Job) Reply {
	p, err := r.pool(j.Code)
	if err != nil {
		return Reply{Fault: NotRun, Detail: err.Error()}
	}
	w, err := p.take(ctx)
	if err != nil {
		return Reply{Fault: Cancelled, Detail: err.Error()}
	}
	j.began = time.Now()
	reply, alive := r.work(ctx, w, j)
	p.slots <- alive
	reply.Took = time.Since(j.began)
	return reply
}

// work runs the call in w and returns the worker for the next one, nil if
// there is none.
func (r *Runner) work(ctx context.Context, w *worker, j Job) (Reply, *worker) {
	if w != nil && w.gone() {
		w.end()
		w = nil
	}
	s, id, err := r.scratch()
	if err != nil {
		return Reply{Fault: NotRun, Detail: err.Error()}, w
	}
	defer s.remove()
	if w == nil {
		if w, err = r.hire(j.Code); err != nil {
			return Reply{Fault: NotRun, Detail: err.Error()}, nil
		}
	}
	line, err := r.encode(id, j, s)
	if err != nil {
		return Reply{Fault: NotRun, Detail: err.Error()}, w
	}
	reply := w.call(ctx, id, line, j)
	w.settle()
	if reply.Fault != None || reply.Ended {
		w.end()
		return reply, nil
	}
	return reply, w
}

// gone reports whether a worker ended by itself since its last call.
func (w *worker) gone() bool {
	select {
	case <-w.exited:
		return true
	default:
		return false
	}
}

func (r *Runner) hire(c Code) (*worker, error) {
	s, _, err := r.scratch()
	if err != nil {
		return nil, err
	}
	ch, err := r.start("worker", s, c)
	if err != nil {
		s.remove()
		return nil, err
	}
	return &worker{ch, r, s}, nil
}

// Retire ends the idle workers of a plugin whose code was replaced. One at work
// goes on for sessions that call the old code again, and ends with the Runner.
func (r *Runner) Retire(c Code) {
	r.mu.Lock()
	p := r.pools[c.key()]
	r.mu.Unlock()
	if p == nil {
		return
	}
	for range cap(p.slots) {
		select {
		case w := <-p.slots:
			if w != nil {
				w.end()
			}
			p.slots <- nil
		default:
			return
		}
	}
}

// dismiss ends all workers, waiting for those at work.
func (p *pool) dismiss() {
	for range cap(p.slots) {
		if w := <-p.slots; w != nil {
			w.end()
		}
	}
}

// Close ends all workers. Calls under way must have ended.
func (r *Runner) Close() {
	r.mu.Lock()
	pools := r.pools
	r.pools, r.closed = map[string]*pool{}, true
	r.mu.Unlock()
	for _, p := range pools {
		p.dismiss()
	}
	r.leaveAll()
}
