package servicenow

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"counterpart/internal/state"
)

// stats counts rows, as text.
func (r *request) stats() error {
	t, err := r.tableNamed(r.Param("table"))
	if err != nil {
		return err
	}
	if err := r.name("stats", t.Name); err != nil {
		return err
	}
	p, err := r.params()
	if err != nil {
		return err
	}
	p.limit = 0
	_, total, err := r.search(t, p)
	if err != nil {
		return err
	}
	stats := map[string]string{}
	if strings.EqualFold(p.Get("sysparm_count"), "true") {
		stats["count"] = strconv.Itoa(total)
	}
	return r.result(http.StatusOK, map[string]any{"stats": stats})
}

// result answers anything in the usual envelope.
func (r *request) result(status int, v any) error {
	r.Response().Header().Set(echo.HeaderContentType, jsonType)
	return r.JSON(status, map[string]any{"result": v})
}

// A tiny URL stands for a long one for a day. Its key follows from the URL, so
// that asking twice keeps one.
const (
	tinyFor = 24 * time.Hour
	maxURL  = 64 << 10
)

func (r *request) tiny() error {
	if err := r.name("tinyurl", ""); err != nil {
		return err
	}
	given, err := r.body()
	if err != nil {
		return err
	}
	long := given["url"]
	if long == "" || len(long) > maxURL {
		return fail(badBody, "")
	}
	sum := sha256.Sum256([]byte(long))
	key := hex.EncodeToString(sum[:16])
	err = state.Edit(r.ctx(), r.Store, "tiny/"+key, func(v *string, _ bool) (time.Time, error) {
		*v = long
		return r.Clock.Now().Add(tinyFor), nil
	})
	if err != nil {
		return err
	}
	table := "incident"
	if _, after, ok := strings.Cut(long, "/table/"); ok {
		table, _, _ = strings.Cut(after, "?")
		table, _, _ = strings.Cut(table, "/")
	}
	return r.result(http.StatusOK, table+"_list.do?sysparm_tiny="+key)
}

// tinyURL is the URL that a key stands for.
func (r *request) tinyURL(key string) (string, error) {
	long, found, err := state.Read[string](r.ctx(), r.Store, "tiny/"+key)
	if err == nil && !found {
		err = &failure{Cause: noRecord, why: "no such tiny URL"}
	}
	return long, err
}
