package rsa

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/signin"
	"counterpart/internal/face/httpapi"
	"counterpart/internal/serving/dialect"
)

// known lets an operation run for a client that proves itself.
func (s *Server) known(do handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, err := httpapi.Read(c.Request())
		if err != nil {
			return err
		}
		call := dialect.CallFrom(c.Request().Context())
		who, how, err := s.client(c.Request(), body)
		if err != nil {
			return err
		}
		call.Actor, call.Why = who.AccessID, how
		return do(c, who, body)
	}
}

// client finds out whose key a request has, or is signed with, and how.
func (s *Server) client(r *http.Request, body []byte) (who Client, how string, err error) {
	if s.set.HMAC != "off" && r.Header.Get("X-Access-ID") != "" {
		return s.signed(r, body)
	}
	key, given := httpapi.Key(r.Header, "client-key")
	if given != httpapi.Present {
		return Client{}, "", cause.Because(cause.NotAuthenticated, "there is no client-key")
	}
	for _, c := range s.set.Clients {
		if !signin.Same(key, c.AccessKey) {
			continue
		}
		if s.set.HMAC == "required" {
			return Client{}, "", cause.Because(cause.WrongSecret, "%s sends its key, and requests have to be signed", c.AccessID)
		}
		return c, "", nil
	}
	return Client{}, "", cause.Because(cause.UnknownClient, "no client has that key")
}

// signed checks a signature: HMAC-SHA256 of method, SHA-512 of the body, path, date and
// access ID. Which header has it, how the digest is written and what is called the date
// nobody has published: each documented reading is taken.
func (s *Server) signed(r *http.Request, body []byte) (who Client, how string, err error) {
	id := r.Header.Get("X-Access-ID")
	date := r.Header.Get("X-Date")
	if date == "" {
		date = r.Header.Get("Date")
	}
	given := r.Header.Get("client-key")
	if given == "" {
		given = r.Header.Get("Authorization")
	}
	digest := sha512.Sum512(body)
	for _, c := range s.set.Clients {
		if c.AccessID != id {
			continue
		}
		for _, written := range []string{hex.EncodeToString(digest[:]), base64.StdEncoding.EncodeToString(digest[:])} {
			for _, path := range []string{r.URL.EscapedPath(), r.URL.RequestURI()} {
				mac := hmac.New(sha256.New, []byte(c.AccessKey))
				mac.Write([]byte(strings.Join([]string{r.Method, written, path, date, id}, "\n")))
				if signin.Same(given, base64.StdEncoding.EncodeToString(mac.Sum(nil))) {
					return c, fmt.Sprintf("signed: digest %.8s…, path %s", written, path), nil
				}
			}
		}
		return Client{}, "", cause.Because(cause.WrongSecret, "%s has not signed this with its key", id)
	}
	return Client{}, "", cause.Because(cause.UnknownClient, "no client has the access ID %.40q", id)
}
