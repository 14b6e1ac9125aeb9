package servicenow

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
)

// What one batch may hold. What is beyond comes back as unserviced, and clients
// ask for it again.
const (
	maxBatch       = 1000
	maxBatchAnswer = 32 << 20
)

// batchCall is one call within a batch.
type batchCall struct {
	ID      string       `json:"id"`
	Method  string       `json:"method"`
	URL     string       `json:"url"`
	Headers []batchField `json:"headers"`
	Body    string       `json:"body"` // base64
}

type batchField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// batchAnswer is what became of one call.
type batchAnswer struct {
	ID         string       `json:"id"`
	StatusCode int          `json:"status_code"`
	StatusText string       `json:"status_text"`
	Headers    []batchField `json:"headers"`
	Body       string       `json:"body"`
	Time       int          `json:"execution_time"`
}

// inner is the routes of the API for calls that come in a batch.
func (s *Server) inner() *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	for _, route := range s.routes() {
		e.Add(route.Method, route.Path, func(c echo.Context) error {
			call := dialect.CallFrom(c.Request().Context())
			call.Op, call.Unnamed = route.Name(), false
			return route.Do(c)
		})
	}
	e.RouteNotFound("/*", func(c echo.Context) error {
		dialect.CallFrom(c.Request().Context()).Outcome = dialect.Unimplemented
		return s.unknown(c)
	})
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		if err == echo.ErrMethodNotAllowed || err == echo.ErrNotFound {
			err = s.unknown(c)
		}
		dialect.CallFrom(c.Request().Context()).Refuse(err)
		wording.Answer(err, c)
	}
	return e
}

// runBatch makes the calls of a batch one after the other, each an operation of
// its own in the journal, for whoever sent the batch.
func (r *request) runBatch() error {
	if err := r.name("batch", ""); err != nil {
		return err
	}
	if isXML(r.Request().Header.Get("Content-Type")) {
		return fail(httpapi.UnsupportedMedia, "")
	}
	raw, err := r.whole()
	if err != nil {
		return err
	}
	var in struct {
		ID    any         `json:"batch_request_id"`
		Calls []batchCall `json:"rest_requests"`
	}
	broken := httpapi.Lenient{}.Decode(raw, &in)
	r.call().Request = r.Request().Method + " " + r.Request().URL.Path + "\n" + summary(in.Calls)
	if broken != nil {
		return fail(badBody, "")
	}
	id, _ := plainText(in.ID)
	out := struct {
		ID         string        `json:"batch_request_id"`
		Serviced   []batchAnswer `json:"serviced_requests"`
		Unserviced []string      `json:"unserviced_requests"`
	}{id, []batchAnswer{}, []string{}}
	_, lose := r.call().Fault(faultUnserviced)
	size := 0
	for i, c := range in.Calls {
		if i >= maxBatch || size >= maxBatchAnswer || lose && i == len(in.Calls)-1 {
			out.Unserviced = append(out.Unserviced, c.ID)
			continue
		}
		a, whole := r.serve(c, maxBatchAnswer-size)
		if !whole {
			out.Unserviced = append(out.Unserviced, c.ID)
			continue
		}
		size += len(a.Body)
		out.Serviced = append(out.Serviced, a)
	}
	r.call().Response = fmt.Sprintf("%d calls were made, %d left undone", len(out.Serviced), len(out.Unserviced))
	return asJSON.Write(r, http.StatusOK, out)
}

// summary is what the journal shows of a batch: its bodies are base64, in which no
// secret is found, and each call has an entry of its own.
func summary(calls []batchCall) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d calls", len(calls))
	for _, c := range calls[:min(len(calls), 20)] {
		fmt.Fprintf(&b, "\n%.10s %.200s", c.Method, c.URL)
	}
	return b.String()
}

// serve makes one call of a batch. whole is false when its answer has more octets
// than there is room for.
func (r *request) serve(c batchCall, room int) (a batchAnswer, whole bool) {
	body, err := base64.StdEncoding.DecodeString(c.Body)
	u, bad := url.ParseRequestURI(c.URL)
	out := &answer{header: http.Header{}, room: room}
	if err != nil || bad != nil || u.Host != "" || !strings.HasPrefix(u.Path, r.settings.PathPrefix+"/api/") || strings.HasSuffix(u.Path, "/batch") {
		refused := &failure{Cause: cause.NotFound, why: "a batch calls paths of the API, no other batch"}
		w := wording.Find(refused)
		out.status = w.status
		text, _ := asJSON.Marshal(w.envelope(refused))
		out.body.Write(text) // short, whatever room there is
		out.header.Set("Content-Type", jsonType)
		return out.batched(c.ID), true
	}
	ctx, call := dialect.Begin(context.WithValue(r.ctx(), asBatch{}, r.user), c.Method+" "+u.Path)
	call.Unnamed = true
	req := (&http.Request{Method: strings.ToUpper(c.Method), URL: u, Header: http.Header{}, Host: r.Request().Host, TLS: r.Request().TLS, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: r.Request().RemoteAddr, RequestURI: c.URL}).WithContext(ctx)
	for _, h := range c.Headers {
		req.Header.Add(h.Name, h.Value)
	}
	if call.Request == "" {
		call.Request = c.Method + " " + c.URL + "\n" + string(body[:min(len(body), 4<<10)])
	}
	r.batch.ServeHTTP(out, req)
	out.WriteHeader(http.StatusOK)
	call.Status, call.Response = strconv.Itoa(out.status), string(out.body.Bytes()[:min(out.body.Len(), 4<<10)])
	call.End(ctx)
	return out.batched(c.ID), !out.full
}

// answer keeps what a call within a batch is answered with.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
	room   int // octets that the body may have
	full   bool
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.full = a.full || a.body.Len()+len(p) > a.room; a.full {
		a.body.Reset()
		return 0, io.ErrShortWrite
	}
	return a.body.Write(p)
}

func (a *answer) batched(id string) batchAnswer {
	out := batchAnswer{ID: id, StatusCode: a.status, StatusText: http.StatusText(a.status), Headers: []batchField{}, Body: base64.StdEncoding.EncodeToString(a.body.Bytes())}
	for name, values := range a.header {
		if name == "Set-Cookie" {
			continue
		}
		for _, v := range values {
			out.Headers = append(out.Headers, batchField{name, v})
		}
	}
	return out
}
