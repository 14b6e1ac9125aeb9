package ber_test

import (
	"bytes"
	"errors"
	"testing"

	"counterpart/servers/ldap/internal/ber"
)

func TestNext(t *testing.T) {
	for name, c := range map[string]struct {
		in, content, rest string
		err               error
	}{
		"short":              {"\x04\x02hi\x05\x00", "hi", "\x05\x00", nil},
		"empty":              {"\x04\x00", "", "", nil},
		"long form":          {"\x04\x81\x02hi", "hi", "", nil},
		"not minimal":        {"\x04\x84\x00\x00\x00\x02hi", "hi", "", nil},
		"indefinite":         {"\x30\x80\x00\x00", "", "", ber.ErrIndefinite},
		"five octets":        {"\x04\x85\x00\x00\x00\x00\x01x", "", "", ber.ErrLength},
		"content is missing": {"\x04\x05hi", "", "", ber.ErrTruncated},
		"length is missing":  {"\x04\x82\x01", "", "", ber.ErrTruncated},
		"only a tag":         {"\x04", "", "", ber.ErrTruncated},
		"nothing":            {"", "", "", ber.ErrTruncated},
		"high tag number":    {"\x1f\x20\x00", "", "", ber.ErrTag},
	} {
		_, content, rest, err := ber.Next([]byte(c.in))
		if !errors.Is(err, c.err) || string(content) != c.content || string(rest) != c.rest {
			t.Errorf("%s: %q, %q, %v", name, content, rest, err)
		}
		if err != nil && !errors.Is(err, ber.ErrMalformed) {
			t.Errorf("%s: %v is not ErrMalformed", name, err)
		}
	}
}

func TestIntegers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "\x02\x01\x00", 127: "\x02\x01\x7f", 128: "\x02\x02\x00\x80", -1: "\x02\x01\xff", -128: "\x02\x01\x80",
		-129: "\x02\x02\xff\x7f", 2147483647: "\x02\x04\x7f\xff\xff\xff", 1 << 40: "\x02\x06\x01\x00\x00\x00\x00\x00",
	} {
		got := ber.AppendInt(nil, ber.Integer, n)
		if string(got) != want {
			t.Errorf("AppendInt(%d) = %x, want %x", n, got, want)
		}
		c := ber.Over(got)
		if back := c.Int(ber.Integer); back != n || c.Err() != nil {
			t.Errorf("%d comes back as %d, %v", n, back, c.Err())
		}
	}
	for _, bad := range []string{"\x02\x00", "\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x04\x01\x00"} {
		c := ber.Over([]byte(bad))
		if c.Int(ber.Integer); c.Err() == nil {
			t.Errorf("%x was read as a number", bad)
		}
	}
}

func TestConstructedLengthsOfEverySize(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 1 << 20} {
		body := bytes.Repeat([]byte{'x'}, n)
		b, outer := ber.Begin([]byte("before"), ber.Sequence)
		b, inner := ber.Begin(b, ber.Set)
		b = append(b, body...)
		b = ber.End(ber.End(b, inner), outer)
		tag, content, rest, err := ber.Next(b[len("before"):])
		if err != nil || tag != ber.Sequence || len(rest) != 0 {
			t.Fatalf("%d: %x, %v", n, tag, err)
		}
		if _, got, _, err := ber.Next(content); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d octets come back as %d, %v", n, len(got), err)
		}
		if s := ber.AppendString(nil, ber.Set, string(body)); !bytes.Equal(s, content) {
			t.Errorf("%d: AppendString and Begin/End differ", n)
		}
	}
}

func TestCursorStopsAtTheFirstError(t *testing.T) {
	c := ber.Over([]byte("\x01\x01\x01\x04\x01a\x02\x01\x05"))
	if v := c.Bool(ber.Boolean); !v {
		t.Error("any octet but zero is true")
	}
	c.Take(ber.Integer)
	if !errors.Is(c.Err(), ber.ErrTag) || c.String() != "" || c.More() || c.Peek() != 0 {
		t.Error("a cursor goes on after an error")
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "\x30\x80", "\x30\x84\xff\xff\xff\xff", "0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00",
		"\x30\x30\x30\x30", "\x02\x09aaaaaaaaa"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := ber.Over(b)
		for steps := 0; c.More(); steps++ {
			if steps > len(b) {
				t.Fatal("the cursor does not advance")
			}
			tag, content := c.Any()
			if c.Err() != nil {
				break
			}
			again := ber.AppendString(nil, tag, content)
			if back, got, _, err := ber.Next(again); err != nil || back != tag || !bytes.Equal(got, content) {
				t.Fatalf("element does not survive: %v", err)
			}
		}
	})
}
