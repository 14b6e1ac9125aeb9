package seed

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"counterpart/internal/serving/strictyaml"
)

// The limits of a state: octets before it is packed, and records and files in it,
// which cost memory however short they are. Export and Load have the same, so that
// whatever the one writes the other reads.
const (
	maxData    = 128 << 20
	maxRecords = 1 << 20
	maxFiles   = 10_000
)

// wireRecord is a Record in JSON, which has no other texts than those in UTF-8.
type wireRecord struct {
	Table   string    `json:"table"`
	Key     string    `json:"key"`
	Raw     []byte    `json:"raw,omitempty"` // the key, if it is no text
	Value   []byte    `json:"value"`
	Expires time.Time `json:"expires,omitzero"`
}

func wire(r Record) wireRecord {
	w := wireRecord{Table: r.Table, Key: r.Key, Value: r.Value, Expires: r.Expires}
	if !utf8.ValidString(r.Key) {
		w.Key, w.Raw = "", []byte(r.Key)
	}
	return w
}

func (w wireRecord) record() Record {
	if w.Raw != nil {
		w.Key = string(w.Raw)
	}
	return Record{Table: w.Table, Key: w.Key, Value: w.Value, Expires: w.Expires}
}

// packData makes the text of saved.Data.
func packData(d data) (string, error) {
	if len(d.Records) > maxRecords || len(d.Files) > maxFiles {
		return "", fmt.Errorf("%w: %d records and %d files, the limits are %d and %d", ErrTooLarge, len(d.Records), len(d.Files), maxRecords, maxFiles)
	}
	var packed strings.Builder
	text := base64.NewEncoder(base64.StdEncoding, &packed)
	z := gzip.NewWriter(text)
	n := &tally{w: z}
	if err := writeData(n, d); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	if err := text.Close(); err != nil {
		return "", err
	}
	if n.n > maxData {
		return "", fmt.Errorf("%w: the state has %d octets, the limit is %d", ErrTooLarge, n.n, maxData)
	}
	return packed.String(), nil
}

// writeData writes the JSON of data record by record: as one document it would be
// held in memory as a whole, several times over.
func writeData(w io.Writer, d data) error {
	if _, err := io.WriteString(w, `{"records":[`); err != nil {
		return err
	}
	for i := range d.Records {
		text, err := json.Marshal(wire(d.Records[i]))
		if err != nil {
			return err
		}
		if i > 0 {
			text = append([]byte{','}, text...)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	files, err := json.Marshal(d.Files)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "],\"files\":%s}\n", files)
	return err
}

// tally counts what is written.
type tally struct {
	w io.Writer
	n int
}

// Write implements io.Writer.
func (c *tally) Write(p []byte) (int, error) {
	c.n += len(p)
	return c.w.Write(p)
}

// unpackData reads saved.Data. What it unpacks to is bounded: a little of it may
// stand for very much.
func unpackData(ctx context.Context, packed string) (d data, err error) {
	if packed == "" {
		return d, nil
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(packed)))
	if err != nil {
		return d, err
	}
	in := &io.LimitedReader{R: patient{ctx, z}, N: maxData + 1}
	u := unpacker{Decoder: json.NewDecoder(in)}
	u.DisallowUnknownFields()
	err = u.all()
	switch {
	case in.N <= 0:
		return data{}, fmt.Errorf("it unpacks to more than %d octets", maxData)
	case errors.Is(err, io.EOF):
		return data{}, io.ErrUnexpectedEOF
	case err != nil:
		return data{}, err
	}
	if _, err := u.Token(); !errors.Is(err, io.EOF) {
		return data{}, errors.New("there is something behind it")
	}
	return u.data, nil
}

// unpacker reads the JSON of data one record after the other: how many there are
// is known before they are held in memory.
type unpacker struct {
	*json.Decoder
	data data
}

func (u *unpacker) all() error {
	seen := map[string]bool{}
	return u.collection('{', func(name string) error {
		if seen[name] {
			return fmt.Errorf("`%s` is there twice", strictyaml.Short(name))
		}
		seen[name] = true
		switch name {
		case "records":
			return u.records()
		case "files":
			return u.files()
		}
		return fmt.Errorf("unknown field `%s`", strictyaml.Short(name))
	})
}

// collection goes over an object or a list, or nothing in its place, and lets
// each read an element.
func (u *unpacker) collection(open json.Delim, each func(name string) error) error {
	t, err := u.Token()
	if err != nil || t == nil {
		return err
	}
	if t != open {
		return fmt.Errorf("`%v` where `%v` is expected", t, open)
	}
	for u.More() {
		name := ""
		if open == '{' {
			if t, err = u.Token(); err != nil {
				return err
			}
			name, _ = t.(string)
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err = u.Token()
	return err
}

func (u *unpacker) records() error {
	type place struct{ table, key string }
	seen := map[place]bool{}
	return u.collection('[', func(string) error {
		if len(u.data.Records) == maxRecords {
			return fmt.Errorf("it has more than %d records", maxRecords)
		}
		var w wireRecord
		if err := u.Decode(&w); err != nil {
			return err
		}
		r := w.record()
		at := place{r.Table, r.Key}
		if seen[at] {
			return fmt.Errorf("the record `%s` of `%s` is there twice", strictyaml.Short(r.Key), strictyaml.Short(r.Table))
		}
		seen[at] = true
		u.data.Records = append(u.data.Records, r)
		return nil
	})
}

func (u *unpacker) files() error {
	return u.collection('{', func(name string) error {
		if len(u.data.Files) == maxFiles {
			return fmt.Errorf("it has more than %d files", maxFiles)
		}
		var content []byte
		if err := u.Decode(&content); err != nil {
			return err
		}
		if u.data.Files == nil {
			u.data.Files = map[string][]byte{}
		}
		u.data.Files[name] = content
		return nil
	})
}

// patient reads as long as somebody waits for it.
type patient struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}
