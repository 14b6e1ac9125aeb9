package totp

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"counterpart/internal/company/cause"
	"counterpart/servers/vault/internal/core"
)

// totpKey is a key of the totp engine.
type totpKey struct {
	Secret    string `json:"secret"` // Base32
	Issuer    string `json:"issuer,omitempty"`
	Account   string `json:"account,omitempty"`
	Digits    int    `json:"digits"`
	Period    int    `json:"period"`
	Algorithm string `json:"algorithm"`
	Skew      int    `json:"skew"`
	Device    string `json:"device,omitempty"` // a person's, whose counters are the fleet's
}

// Engine is the secrets engine totp.
func (b *Backend) Engine() *core.Engine {
	return core.NewEngine("totp",
		&core.Path{Pattern: "keys", Name: "keys", Ops: map[core.Operation]core.Handler{core.OpList: func(r *core.Request) (*core.Answer, error) {
			return core.ListKeys(b.totps.Names(r.Ctx, r.Mount.UUID+"/"))
		}}},
		&core.Path{Pattern: "keys/@name", Name: "keys", Ops: map[core.Operation]core.Handler{core.OpRead: b.getTOTP, core.OpWrite: b.putTOTP, core.OpDelete: b.dropTOTP}},
		&core.Path{Pattern: "code/@name", Name: "code", Ops: map[core.Operation]core.Handler{core.OpRead: b.totpCode, core.OpWrite: b.totpValidate}},
	)
}

func (b *Backend) totpKeyed(r *core.Request) (*totpKey, error) {
	k, err := b.totps.Get(r.Ctx, r.NameKey())
	if err == nil && k == nil {
		err = core.BadRequest("unknown key: %s", r.Vars["name"])
	}
	return k, err
}

func (b *Backend) getTOTP(r *core.Request) (*core.Answer, error) {
	k, err := core.Require(r.Ctx, b.totps, r.NameKey())
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"account_name": k.Account, "algorithm": k.Algorithm, "digits": k.Digits, "issuer": k.Issuer, "period": k.Period})
}

func (b *Backend) dropTOTP(r *core.Request) (*core.Answer, error) {
	_, err := b.totps.Delete(r.Ctx, r.NameKey())
	return nil, err
}

// wantedTOTP reads the parameters of a key.
func wantedTOTP(r *core.Request) (k totpKey, err error) {
	k = totpKey{Issuer: r.Text("issuer"), Account: r.Text("account_name"), Algorithm: "SHA1", Secret: strings.ToUpper(strings.TrimSpace(r.Text("key")))}
	for name, to := range map[string]*int{"digits": &k.Digits, "skew": &k.Skew} {
		if *to, err = r.Int(name, map[string]int{"digits": 6, "skew": 1}[name]); err != nil {
			return k, err
		}
	}
	period, err := r.Duration("period")
	if err != nil {
		return k, err
	}
	if k.Period = int(period / time.Second); !r.Has("period") {
		k.Period = 30
	}
	if v := r.Text("algorithm"); v != "" {
		k.Algorithm = v
	}
	if text := r.Text("url"); text != "" {
		if err := k.fromURL(text); err != nil {
			return k, err
		}
	}
	return k, nil
}

// fromURL takes an otpauth URL.
func (k *totpKey) fromURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return core.BadRequest("an error occurred while parsing url string")
	}
	q := u.Query()
	label := strings.TrimPrefix(u.Path, "/")
	issuer, account, both := strings.Cut(label, ":")
	if !both {
		issuer, account = "", label
	}
	k.Account, k.Issuer, k.Secret = account, issuer, strings.ToUpper(q.Get("secret"))
	if v := q.Get("issuer"); v != "" {
		k.Issuer = v
	}
	for name, to := range map[string]*int{"period": &k.Period, "digits": &k.Digits} {
		if v := q.Get(name); v != "" {
			if *to, err = strconv.Atoi(v); err != nil {
				return core.BadRequest("an error occurred while parsing %s value in url", name)
			}
		}
	}
	if v := q.Get("algorithm"); v != "" {
		k.Algorithm = v
	}
	return nil
}

// check refuses what the engine refuses.
func (k *totpKey) check(generate bool) error {
	if _, known := algorithms[k.Algorithm]; !known {
		return core.BadRequest("the algorithm value is not valid")
	}
	switch {
	case k.Digits != 6 && k.Digits != 8:
		return core.BadRequest("the digits value can only be 6 or 8")
	case k.Period <= 0:
		return core.BadRequest("the period value must be greater than zero")
	case k.Skew != 0 && k.Skew != 1:
		return core.BadRequest("the skew value must be 0 or 1")
	case generate && k.Account == "":
		return core.BadRequest("the account_name value is required for generated keys")
	case generate && k.Issuer == "":
		return core.BadRequest("the issuer value is required for generated keys")
	case !generate && k.Secret == "":
		return core.BadRequest("the key value is required")
	}
	if !generate {
		if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(k.Secret, "=")); err != nil {
			return core.BadRequest("invalid key value: %s", err)
		}
	}
	return nil
}

var algorithms = map[string]otp.Algorithm{"SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512}

func (b *Backend) putTOTP(r *core.Request) (*core.Answer, error) {
	generate, err := r.Bool("generate", false)
	if err != nil {
		return nil, err
	}
	exported, err := r.Bool("exported", true)
	if err != nil {
		return nil, err
	}
	qr, err := r.Int("qr_size", 200)
	if err != nil {
		return nil, err
	}
	size, err := r.Int("key_size", 20)
	if err != nil {
		return nil, err
	}
	k, err := wantedTOTP(r)
	if err != nil {
		return nil, err
	}
	if generate && (r.Text("key") != "" || r.Text("url") != "") {
		return nil, core.BadRequest("a key or url cannot be passed if generate is true")
	}
	if generate && (size < 1 || size > 1024) {
		return nil, core.BadRequest("the key_size value must be greater than zero")
	}
	if qr < 0 || qr > 4096 {
		return nil, core.BadRequest("the qr_size value must be greater than or equal to zero")
	}
	if err := k.check(generate); err != nil {
		return nil, err
	}
	if generate {
		raw := make([]byte, size)
		if _, err := io.ReadFull(r.Rand, raw); err != nil {
			return nil, err
		}
		k.Secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	}
	if err := b.totps.Put(r.Ctx, r.NameKey(), k, time.Time{}); err != nil {
		return nil, err
	}
	if !generate || !exported {
		return nil, nil
	}
	return k.picture(qr)
}

// picture is the answer to a generated key: its URL, and that as a QR code.
func (k *totpKey) picture(size int) (*core.Answer, error) {
	link := fmt.Sprintf("otpauth://totp/%s:%s?algorithm=%s&digits=%d&issuer=%s&period=%d&secret=%s", url.PathEscape(k.Issuer), url.PathEscape(k.Account),
		k.Algorithm, k.Digits, url.QueryEscape(k.Issuer), k.Period, k.Secret)
	if size == 0 {
		return core.OK(map[string]any{"url": link})
	}
	key, err := otp.NewKeyFromURL(link)
	if err != nil {
		return nil, err
	}
	image, err := key.Image(size, size)
	if err != nil {
		return nil, core.BadRequest("failed to generate QR code image: %s", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image); err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"barcode": base64.StdEncoding.EncodeToString(b.Bytes()), "url": link})
}

// options are the key's for a computation.
func (k *totpKey) options() totp.ValidateOpts {
	return totp.ValidateOpts{Period: uint(k.Period), Digits: otp.Digits(k.Digits), Algorithm: algorithms[k.Algorithm]}
}

func (b *Backend) totpCode(r *core.Request) (*core.Answer, error) {
	k, err := b.totpKeyed(r)
	if err != nil {
		return nil, err
	}
	code, err := totp.GenerateCodeCustom(k.Secret, r.Clock.Now(), k.options())
	if err != nil {
		return nil, err
	}
	return core.OK(map[string]any{"code": code})
}

func (b *Backend) totpValidate(r *core.Request) (*core.Answer, error) {
	code := r.Text("code")
	if code == "" {
		return nil, core.BadRequest("the code value is required")
	}
	k, err := b.totpKeyed(r)
	if err != nil {
		return nil, err
	}
	errUsed := core.BadRequest("code already used; wait until the next time period")
	if k.Device != "" { // a person's device: a code is good once, whoever asks
		r.Call.Object = k.Device
		_, err := r.Factors.Verify(r.Ctx, k.Device, code)
		if errors.Is(err, cause.Replayed) {
			return nil, errUsed
		}
		if _, refused := cause.Of(err); err != nil && !refused {
			return nil, err
		}
		return core.OK(map[string]any{"valid": err == nil})
	}
	now := r.Clock.Now()
	for i := -k.Skew; i <= k.Skew; i++ {
		at := now.Add(time.Duration(i*k.Period) * time.Second)
		want, err := totp.GenerateCodeCustom(k.Secret, at, k.options())
		if err != nil {
			return nil, err
		}
		if want != code {
			continue
		}
		step := at.Unix() / int64(k.Period)
		err = b.totpUsed.Edit(r.Ctx, fmt.Sprintf("%s/%d", r.NameKey(), step), func(v *int64, found bool) (time.Time, error) {
			if found {
				return time.Time{}, errUsed
			}
			*v = step
			return now.Add(time.Duration(k.Period*(2+k.Skew)) * time.Second), nil
		})
		if err != nil {
			return nil, err
		}
		return core.OK(map[string]any{"valid": true})
	}
	return core.OK(map[string]any{"valid": false})
}
