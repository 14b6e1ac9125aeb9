package duo_test

import (
	"testing"
	"time"

	"counterpart/servers/duo/internal/sign"
)

// TestASignatureCoversWhatIsRead: versions 1 and 2 sign the parameters of a form,
// so that a JSON body, which they do not sign, is no way to say something else.
func TestASignatureCoversWhatIsRead(t *testing.T) {
	f := start(t)
	for path, v := range map[string]sign.Version{"/auth/v2/preauth": sign.V2, "/rest/v1/preauth": sign.V1} {
		c := newCall("POST", path)
		c.version, c.contentType, c.body = v, "application/json", `{"username":"robot","user":"robot"}`
		f.failed(f.send(c), 401, "40103", badSig, "")
	}
	c := newCall("GET", "/auth/v2/check")
	c.version = sign.V5
	c.header["X-Duo-Flavour"] = []string{"signed"}
	if a := f.send(c); a.status != 200 {
		t.Errorf("an X-Duo header: %s", a.body)
	}
	c.date = f.Clock.Now().Format(time.RFC1123Z)
	c.auth = "Basic " + basic(ikey+":"+f.signature(c))
	c.header["X-Duo-Flavour"] = []string{"signed", "smuggled"}
	f.failed(f.send(c), 401, "40103", badSig, "")
}
