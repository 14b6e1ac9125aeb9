package mutation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"counterpart/internal/plugins/scenario"
)

// plugin says which cases have a plugin in common that treats answers alike: its packages,
// and whether it was told to let people in.
func (b *baseline) plugin() string {
	out := ""
	for _, p := range []*scenario.Plugin{b.c.Plugins.AA, b.c.Plugins.Store} {
		if p != nil {
			out += p.Package + "\n"
		}
	}
	for _, c := range b.config {
		out += failOpen.FindString(c) + "\n"
	}
	return out + fmt.Sprint(b.c.AllowOpen)
}

// print is a digest of all that the outcomes of a case rest on, but for this program.
func (b *baseline) print() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", b.c.Written())
	for _, path := range b.c.Files() {
		info, err := os.Stat(path)
		if err != nil {
			fmt.Fprintf(h, "%s is not there\n", filepath.Base(path))
			continue
		}
		if !info.IsDir() {
			digest(h, path)
			continue
		}
		filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Ext(p) != ".pyc" {
				digest(h, p)
			}
			return nil
		})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func digest(h io.Writer, path string) {
	fmt.Fprintf(h, "%s\n", filepath.Base(path))
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	io.Copy(h, f)
}

// earlier is what an earlier report has of a mutant whose case rests on the same things.
func (r *runner) earlier(m Mutant) (Outcome, bool) {
	e := r.Earlier
	if e == nil || e.Version != r.Version || e.Seed != r.Seed {
		return Outcome{}, false
	}
	if !slices.ContainsFunc(e.Cases, func(c Case) bool { return c.Label == m.Case && c.Print == m.base.print() }) {
		return Outcome{}, false
	}
	for _, o := range e.Mutants {
		if o.ID == m.ID && o.Case == m.Case && o.Verdict != Broken {
			was := o
			was.Mutant, was.Unchanged = m, true
			was.Line, was.InHook = o.Line, o.InHook
			return was, true
		}
	}
	return Outcome{}, false
}
