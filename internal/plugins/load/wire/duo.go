package wire

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"counterpart/internal/plugins/load/step"
)

// duo signs requests as Duo's API wants it (duo.com/docs/authapi, "Authentication").
type duo struct {
	host, method string
	ikey, skey   step.Text
}

func compileDuo(r *request, a *step.Duo) (*duo, error) {
	ikey, err := step.Compile(a.IntegrationKey, r.target.Constants)
	if err != nil {
		return nil, err
	}
	skey, err := step.Compile(a.SecretKey, r.target.Constants)
	host, _, _ := strings.Cut(r.host, ":")
	return &duo{host: strings.ToLower(host), method: r.method, ikey: ikey, skey: skey}, err
}

// sign adds the headers of the signature of a request with a path, its query and a body that
// is a form.
func (d *duo) sign(b []byte, w *step.Walk, path string, body []byte) ([]byte, error) {
	path, params, _ := strings.Cut(path, "?")
	if len(body) > 0 {
		params = string(body)
	}
	pairs := strings.Split(params, "&")
	slices.Sort(pairs)
	date := w.Now().UTC().Format(time.RFC1123Z)
	ikey, err := d.ikey.Fill(w)
	if err != nil {
		return b, err
	}
	skey, err := d.skey.Fill(w)
	if err != nil {
		return b, err
	}
	mac := hmac.New(sha512.New, []byte(skey))
	mac.Write([]byte(strings.Join([]string{date, d.method, d.host, path, strings.Join(pairs, "&")}, "\n")))
	b = append(append(append(b, "Date: "...), date...), "\r\nAuthorization: Basic "...)
	return append(base64.StdEncoding.AppendEncode(b, []byte(ikey+":"+hex.EncodeToString(mac.Sum(nil)))), "\r\n"...), nil
}
