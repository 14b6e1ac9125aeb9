package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"counterpart/internal/plugins/scenario"
)

// lookEvery is how often --watch looks at files. What has changed is run once two looks have
// seen it alike.
const lookEvery = 300 * time.Millisecond

// watch runs cases again whose files have changed, until somebody gives up.
func (c *pluginTestCmd) watch(e *env, pick *regexp.Regexp, o scenario.Options) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	w := &watcher{cases: func() []scenario.Case { return c.load(pick) }}
	w.changed()
	w.seen = w.looked
	w.said(e)
	for {
		select {
		case <-e.ctx.Done():
			return nil
		case <-tick.C:
		}
		again := w.changed()
		if len(again) == 0 {
			continue
		}
		if terminal(e.out) {
			fmt.Fprint(e.out, "\033[H\033[2J\033[3J") // home, clear what is seen and what was
		}
		if _, err := c.once(e, again, o); err != nil {
			fmt.Fprintln(e.err, "counterpart:", err)
		}
		w.said(e)
	}
}

// stamp is what a file looks like from outside.
type stamp struct {
	at   time.Time
	size int64
}

// watcher knows what the files of cases looked like.
type watcher struct {
	cases  func() []scenario.Case
	seen   map[string]stamp // by path, when they were run
	looked map[string]stamp // at the last look
}

func (w *watcher) said(e *env) {
	if !ended(e.ctx) {
		fmt.Fprintf(e.out, "\nWatching %d files; Ctrl-C ends.\n", len(w.seen))
	}
}

// changed are the cases of whose files one has changed, come or gone since they were run
// and is now as it was at the look before: of a file that is being written half would be
// read, or what was in it before, and nobody would look again.
func (w *watcher) changed() (again []scenario.Case) {
	now := map[string]stamp{}
	roots := map[string][]string{} // what is below them
	files := func(root string) []string {
		list, known := roots[root]
		if !known {
			list = below(root, now)
			roots[root] = list
		}
		return list
	}
	for _, one := range w.cases() {
		different := false
		for _, root := range one.Files() {
			for _, f := range files(root) {
				was, known := w.seen[f]
				different = different || !known || was != now[f]
			}
			for f := range w.seen {
				if _, there := now[f]; !there && (f == root || isBelow(f, root)) {
					different = true
				}
			}
		}
		if different {
			again = append(again, one)
		}
	}
	if !maps.Equal(now, w.looked) {
		w.looked = now
		return nil
	}
	w.seen = now
	return again
}

func isBelow(path, root string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(rel)
}

// mostWatched bounds how many files one folder of a plugin makes us look at.
const mostWatched = 20_000

// below are the files below a path, noted in now with what they look like. What
// interpreters write is none of a plugin's.
func below(root string, now map[string]stamp) (out []string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || len(out) > mostWatched {
			return nil
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (name == "__pycache__" || name == ".git" || name == ".venv") {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil
		}
		now[path] = stamp{info.ModTime(), info.Size()}
		out = append(out, path)
		return nil
	})
	return out
}
