package strictyaml

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// places finds lines of a text; where they begin is noted at the first question.
type places struct {
	text   []byte
	starts []int
}

// line is the text of a line, counted from one, without its end.
func (p *places) line(n int) string {
	at, ok := p.start(n)
	if !ok {
		return ""
	}
	line, _, _ := bytes.Cut(p.text[at:], []byte("\n"))
	return string(line)
}

// start is the octet at which a line begins.
func (p *places) start(n int) (at int, ok bool) {
	if p.starts == nil {
		p.starts = append(p.starts, 0)
		for i, b := range p.text {
			if b == '\n' {
				p.starts = append(p.starts, i+1)
			}
		}
	}
	if n < 1 || n > len(p.starts) {
		return 0, false
	}
	return p.starts[n-1], true
}

// longestColumn bounds how far a line is looked into for a place.
const longestColumn = 4096

// offset is the octet at a line and column.
func (p *places) offset(line, col int) (at int, ok bool) {
	at, ok = p.start(line)
	if !ok || col > longestColumn {
		return 0, false
	}
	for ; col > 1; col-- {
		if at >= len(p.text) || p.text[at] == '\n' {
			return 0, false
		}
		_, size := utf8.DecodeRune(p.text[at:])
		at += size
	}
	return at, true
}

// char is the character at a place, 0 where there is none.
func (p *places) char(line, col int) rune {
	at, ok := p.offset(line, col)
	if !ok || at >= len(p.text) {
		return 0
	}
	r, _ := utf8.DecodeRune(p.text[at:])
	return r
}

// before is what stands in a line before a column.
func (p *places) before(line, col int) string {
	at, ok := p.offset(line, col)
	if !ok {
		return ""
	}
	start, _ := p.start(line)
	return string(p.text[start:at])
}

// behind is the place of the value whose tag or anchor stands at a place.
func (p *places) behind(line, col int) (int, int) {
	at, ok := p.offset(line, col)
	if !ok {
		return line, col
	}
	firstLine, firstCol := line, col
	for at < len(p.text) {
		switch p.text[at] {
		case '&', '!', '#':
			end := " \t\n,]}"
			if p.text[at] == '#' {
				end = "\n"
			}
			n := bytes.IndexAny(p.text[at:], end)
			if n < 0 {
				return firstLine, firstCol
			}
			col += utf8.RuneCount(p.text[at : at+n])
			at += n
		case '\n':
			line, col = line+1, 1
			at++
		case ' ', '\t':
			col++
			at++
		default:
			if strings.ContainsRune(",]}", rune(p.text[at])) {
				return firstLine, firstCol
			}
			return line, col
		}
	}
	return firstLine, firstCol
}
