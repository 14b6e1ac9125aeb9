package httpapi_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
)

// post is a request whose body the fleet bounds to 1000 octets.
func post(body io.Reader, header ...string) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	r.Body = http.MaxBytesReader(nil, r.Body, 1000)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestABodyIsReadOnceWithinOneBound(t *testing.T) {
	long, exact := strings.Repeat("x", 1001), strings.Repeat("x", 1000)
	for _, x := range []struct {
		name  string
		body  io.Reader
		limit int64
		want  error
		octs  int
	}{
		{"at the port's limit", strings.NewReader(exact), 0, nil, 1000},
		{"beyond it", strings.NewReader(long), 0, httpapi.TooLarge, 0},
		{"beyond it, length unknown", io.MultiReader(strings.NewReader(long)), 0, httpapi.TooLarge, 0},
		{"at an operation's own limit", strings.NewReader("1234"), 4, nil, 4},
		{"beyond it, announced", strings.NewReader("12345"), 4, httpapi.TooLarge, 0},
		{"beyond it, length unknown", io.MultiReader(strings.NewReader("12345")), 4, httpapi.TooLarge, 0},
		{"broken off", io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF)), 0, cause.BadInput, 0},
		{"broken off under a limit", io.MultiReader(strings.NewReader("12"), iotest.ErrReader(io.ErrUnexpectedEOF)), 4, cause.BadInput, 0},
		{"raw octets", strings.NewReader("\x00\r\n\xff"), 0, nil, 4},
	} {
		read := func() ([]byte, error) {
			if x.limit > 0 {
				return httpapi.ReadAtMost(post(x.body), x.limit)
			}
			return httpapi.Read(post(x.body))
		}
		body, err := read()
		if !errors.Is(err, x.want) || len(body) != x.octs {
			t.Errorf("%s: %d octets and %v, not %d and %v", x.name, len(body), err, x.octs, x.want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Body = nil
	if body, err := httpapi.Read(r); body != nil || err != nil {
		t.Errorf("no body is %q, %v", body, err)
	}
}

func TestAnAnnouncedLengthSetsLittleAside(t *testing.T) {
	r := post(strings.NewReader("short"))
	r.ContentLength = 1 << 50
	if body, err := httpapi.Read(r); string(body) != "short" || err != nil || cap(body) > 1<<17 {
		t.Errorf("%q, %v, room for %d", body, err, cap(body))
	}
}

func TestPeekLeavesTheBodyToBeReadAgain(t *testing.T) {
	r := post(strings.NewReader("once"))
	for range 2 {
		if body, err := httpapi.Peek(r); string(body) != "once" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	}
	if _, err := httpapi.Peek(post(iotest.ErrReader(io.ErrUnexpectedEOF))); !errors.Is(err, cause.BadInput) {
		t.Errorf("a broken body is %v", err)
	}
}

func TestStrictBodies(t *testing.T) {
	type target struct {
		Name string `json:"name"`
	}
	const typ = "Content-Type"
	patch := httpapi.Strict{Types: []string{"application/json", "application/merge-patch+json"}}
	for _, x := range []struct {
		name  string
		rules httpapi.Strict
		r     *http.Request
		want  error
		got   string
	}{
		{"an object", httpapi.Strict{}, post(strings.NewReader(`{"name":"a"}`), typ, "Application/JSON; charset=utf-8"), nil, "a"},
		{"another type that is taken", patch, post(strings.NewReader(`{"name":"a"}`), typ, "application/merge-patch+json"), nil, "a"},
		{"another type", httpapi.Strict{}, post(strings.NewReader(`{"name":"a"}`), typ, "application/merge-patch+json"), httpapi.UnsupportedMedia, ""},
		{"no type", httpapi.Strict{}, post(strings.NewReader(`{}`)), httpapi.UnsupportedMedia, ""},
		{"nothing", httpapi.Strict{}, post(strings.NewReader(" \n"), typ, "application/json"), cause.BadInput, ""},
		{"nothing, and it may", httpapi.Strict{Optional: true}, post(strings.NewReader(" \n")), nil, ""},
		{"a member in another case", httpapi.Strict{}, post(strings.NewReader(`{"NAME":"a"}`), typ, "application/json"), cause.BadInput, ""},
		{"too long", httpapi.Strict{Limit: 3}, post(strings.NewReader(`{"name":"a"}`), typ, "application/json"), httpapi.TooLarge, ""},
	} {
		var v target
		if err := x.rules.Read(x.r, &v); !errors.Is(err, x.want) || v.Name != x.got {
			t.Errorf("%s: %q, %v", x.name, v.Name, err)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for header, want := range map[string]string{"Application/JSON;charset=UTF-8": "application/json", "": "", "a;b": "", "text/plain": "text/plain"} {
		if got := httpapi.MediaType(header); got != want {
			t.Errorf("%q is %q", header, got)
		}
	}
	if !httpapi.IsForm(post(nil, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")) || httpapi.IsForm(post(nil)) {
		t.Error("forms are not told from others")
	}
}
