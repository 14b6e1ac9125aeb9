package factor

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"

	"counterpart/internal/company/cause"
	"counterpart/internal/company/world"
)

// URI is the otpauth URI of a TOTP or HOTP device (the Key URI Format of Google
// Authenticator): issuer and secret always, the rest only where it differs from
// the defaults, the next counter for HOTP. Colons in names become spaces, as
// neither part may contain one.
func URI(d world.Device, issuer, accountName string, next uint64) (string, error) {
	if d.Kind != world.TOTP && d.Kind != world.HOTP {
		return "", cause.Because(cause.WrongKind, "a %s device has no otpauth URI", d.Kind)
	}
	clean := func(s string) string { return strings.ReplaceAll(s, ":", " ") }
	issuer = clean(issuer)
	params := []string{"secret=" + Base32(d.Secret), "issuer=" + escape(issuer)}
	if a := strings.ToUpper(d.Algorithm); a != "" && a != "SHA1" {
		params = append(params, "algorithm="+a)
	}
	if digitsOf(d) != 6 {
		params = append(params, "digits="+strconv.Itoa(digitsOf(d)))
	}
	if d.Kind == world.TOTP && periodOf(d) != 30*time.Second {
		params = append(params, "period="+strconv.Itoa(int(periodOf(d)/time.Second)))
	}
	if d.Kind == world.HOTP {
		params = append(params, "counter="+strconv.FormatUint(next, 10))
	}
	return "otpauth://" + string(d.Kind) + "/" + escape(issuer) + ":" + escape(clean(accountName)) + "?" + strings.Join(params, "&"), nil
}

// escape writes a space as %20, never as +, which phones show as a plus.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Modules of quiet zone around a QR code (ISO/IEC 18004) and pixels per module.
const (
	quiet = 4
	scale = 6
)

// QR is a PNG image of the exact text: error correction level M, a quiet zone
// of four modules.
func QR(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, cause.Because(cause.BadInput, "no QR code can hold %d octets", len(text))
	}
	size := code.Bounds().Dx() + 2*quiet
	img := image.NewPaletted(image.Rect(0, 0, size*scale, size*scale), color.Palette{color.White, color.Black})
	for y := range size * scale {
		for x := range size * scale {
			mx, my := x/scale-quiet, y/scale-quiet
			if !(image.Point{X: mx, Y: my}).In(code.Bounds()) {
				continue
			}
			if r, _, _, _ := code.At(mx, my).RGBA(); r == 0 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var out bytes.Buffer
	err = png.Encode(&out, img)
	return out.Bytes(), err
}
