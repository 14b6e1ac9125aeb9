package grammar

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is a struct's field that a flag or an argument sets. It is a pflag.Value.
type field struct {
	v                reflect.Value
	help, fallback   string
	placeholder      string
	enum             []string
	enumSaysNothing  bool // the empty value is allowed, too
	separator, where string
}

func newField(f reflect.StructField, v reflect.Value) field {
	x := field{v: v, fallback: f.Tag.Get("default"), placeholder: f.Tag.Get("placeholder"), separator: f.Tag.Get("sep"), where: f.Tag.Get("type")}
	if list, ok := f.Tag.Lookup("enum"); ok {
		for _, word := range strings.Split(list, ",") {
			if word == "" {
				x.enumSaysNothing = true
			} else {
				x.enum = append(x.enum, word)
			}
		}
	}
	x.help = strings.ReplaceAll(f.Tag.Get("help"), "${enum}", strings.Join(x.enum, ", "))
	return x
}

func (f *field) kind() reflect.Kind { return f.v.Kind() }
func (f *field) slice() bool        { return f.v.Kind() == reflect.Slice }

// preset sets the default.
func (f *field) preset() error {
	if f.fallback == "" {
		return nil
	}
	return f.scalar(f.v, f.fallback)
}

// String implements pflag.Value: what help shows as the default.
func (f *field) String() string {
	if f == nil || !f.v.IsValid() || f.fallback == "0" || f.fallback == "-1" {
		return ""
	}
	return f.fallback
}

// Type implements pflag.Value: how help calls the value.
func (f *field) Type() string {
	switch {
	case f.kind() == reflect.Bool:
		return "bool"
	case f.placeholder != "":
		return f.placeholder
	case f.enum != nil:
		return "WORD"
	case f.v.Type() == reflect.TypeFor[time.Duration]():
		return "TIME"
	case f.kind() == reflect.Map:
		return "NAME=VALUE"
	case f.kind() == reflect.Int, f.kind() == reflect.Uint64:
		return "N"
	}
	return "TEXT"
}

// Set implements pflag.Value.
func (f *field) Set(text string) error {
	if f.enum != nil && !slices.Contains(f.enum, text) && (text != "" || !f.enumSaysNothing) {
		quoted := make([]string, len(f.enum))
		for i, word := range f.enum {
			quoted[i] = strconv.Quote(word)
		}
		return fmt.Errorf("must be one of %s, not %q", strings.Join(quoted, ", "), text)
	}
	switch {
	case f.slice():
		parts := []string{text}
		if f.separator != "" {
			parts = strings.Split(text, f.separator)
		}
		for _, part := range parts {
			one := reflect.New(f.v.Type().Elem()).Elem()
			if err := f.scalar(one, part); err != nil {
				return err
			}
			f.v.Set(reflect.Append(f.v, one))
		}
		return nil
	case f.kind() == reflect.Map:
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return fmt.Errorf("must be NAME=VALUE, not %q", text)
		}
		if f.v.IsNil() {
			f.v.Set(reflect.MakeMap(f.v.Type()))
		}
		f.v.SetMapIndex(reflect.ValueOf(name), reflect.ValueOf(value))
		return nil
	}
	return f.scalar(f.v, text)
}

// scalar reads one value.
func (f *field) scalar(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("must be a time like 90s or 8h, not %q", text)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		path, err := f.path(text)
		v.SetString(path)
		return err
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return f.scalar(v.Elem(), text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("must be true or false, not %q", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("must be a number, not %q", text)
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("must be a number, not %q", text)
		}
		v.SetUint(n)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("must be a number, not %q", text)
		}
		v.SetFloat(n)
	default:
		return errors.New("the grammar knows no " + v.Type().String())
	}
	return nil
}

// path makes the name of a file absolute, where the field is one.
func (f *field) path(text string) (string, error) {
	if f.where == "" || text == "" || text == "-" {
		return text, nil
	}
	if home, err := os.UserHomeDir(); err == nil && (text == "~" || strings.HasPrefix(text, "~/")) {
		text = home + text[1:]
	}
	full, err := filepath.Abs(text)
	if err != nil || f.where == "path" {
		return full, err
	}
	info, err := os.Stat(full)
	switch {
	case err != nil:
		return full, err
	case f.where == "existingdir" && !info.IsDir():
		return full, fmt.Errorf("%q is no folder", text)
	case f.where == "existingfile" && info.IsDir():
		return full, fmt.Errorf("%q is a folder, not a file", text)
	}
	return full, nil
}
