package wire

import (
	"bufio"
	"bytes"
)

// ReadAnswer reads an answer as a request does.
func ReadAnswer(said []byte) (int, []byte, error) {
	c := &conn{in: bufio.NewReaderSize(bytes.NewReader(said), 4096)}
	h, err := c.readHead(true)
	if err != nil {
		return 0, nil, err
	}
	body, err := c.readBody(&h, false)
	return h.status, body, err
}
