package servicenow

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A tiny URL stands for a long one for a day. Its key follows from the user and
// the URL, so that asking twice keeps one; of a user's, the latest are kept.
const (
	tinyFor = 24 * time.Hour
	maxURL  = 64 << 10
	maxTiny = 200
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
	sum := sha256.Sum256([]byte(r.user.id + long))
	key := hex.EncodeToString(sum[:16])
	if err := r.tinies.Put(r.ctx(), key, long, r.Clock.Now().Add(tinyFor)); err != nil {
		return err
	}
	if err := r.forgetTiny(key); err != nil {
		return err
	}
	table := "incident"
	if _, after, ok := strings.Cut(long, "/table/"); ok {
		table, _, _ = strings.Cut(after, "?")
		table, _, _ = strings.Cut(table, "/")
	}
	return r.result(http.StatusOK, table+"_list.do?sysparm_tiny="+key)
}

// forgetTiny makes key the user's latest tiny URL and deletes the oldest of too
// many.
func (r *request) forgetTiny(key string) error {
	var old []string
	err := r.tinyKeys.Edit(r.ctx(), r.user.id, func(keys *[]string, _ bool) (time.Time, error) {
		*keys = append(slices.DeleteFunc(*keys, func(k string) bool { return k == key }), key)
		over := max(0, len(*keys)-maxTiny)
		old, *keys = (*keys)[:over], (*keys)[over:]
		return r.Clock.Now().Add(tinyFor), nil
	})
	for _, k := range old {
		_, failed := r.tinies.Delete(r.ctx(), k)
		err = errors.Join(err, failed)
	}
	return err
}

// tinyURL is the URL that a key stands for.
func (r *request) tinyURL(key string) (string, error) {
	long, found, err := r.tinies.Read(r.ctx(), key)
	if err == nil && !found {
		err = &failure{Cause: noRecord, why: "no such tiny URL"}
	}
	return long, err
}
