package process

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

// pump turns one interpreter's output, both streams in order of arrival, into
// lines. It holds no more than one piece of a line.
type pump struct {
	r    *os.File
	end  []byte // the host's mark; random, so that no output looks like it
	seen chan struct{}

	mu   sync.Mutex
	line func(text string, more bool)
}

func newPump(r *os.File, nonce string) *pump {
	return &pump{r: r, end: []byte("\x00" + nonce + "\x00"), seen: make(chan struct{})}
}

// to sets who gets the lines from now on. What a worker prints between two
// calls belongs to none.
func (p *pump) to(line func(text string, more bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = line
}

// mark writes the mark, waits until it was read, and lets go of the listener.
func (p *pump) mark(w *os.File) {
	if _, err := w.WriteString(string(p.end) + "\n"); err == nil {
		<-p.seen
	}
	p.to(nil)
}

func (p *pump) close() { _ = p.r.Close() }

func (p *pump) run() {
	defer close(p.seen)
	chunk := make([]byte, 32<<10)
	var pending []byte
	for {
		n, err := p.r.Read(chunk)
		pending = append(pending, chunk[:n]...)
		pending = p.lines(pending)
		if err != nil {
			return
		}
	}
}

// lines hands on what is complete and returns the rest.
func (p *pump) lines(data []byte) []byte {
	rest := data
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		rest = after
		// The mark may follow a line that the plugin did not end.
		before, marked := bytes.CutSuffix(line, p.end)
		if !marked || len(before) > 0 {
			p.hand(before, false)
		}
		if marked {
			p.seen <- struct{}{}
		}
	}
	// The end of a long line stays: it may be the beginning of the mark.
	for len(rest) > maxPiece+len(p.end) {
		p.hand(rest[:maxPiece], true)
		rest = rest[maxPiece:]
	}
	return append(data[:0], rest...)
}

func (p *pump) hand(line []byte, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil {
		p.line(legible(bytes.TrimSuffix(line, []byte("\r"))), more)
	}
}

// legible writes bytes that are not text, and those that would move a
// terminal's cursor, as \x1b.
func legible(line []byte) string {
	clean := true
	for i := 0; i < len(line) && clean; {
		r, n := utf8.DecodeRune(line[i:])
		clean = !odd(r, n)
		i += n
	}
	if clean {
		return string(line)
	}
	var b strings.Builder
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRune(line[i:])
		if odd(r, n) {
			for _, c := range line[i : i+n] {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		} else {
			b.Write(line[i : i+n])
		}
		i += n
	}
	return b.String()
}

func odd(r rune, n int) bool {
	return r == utf8.RuneError && n == 1 || r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0
}
