package socketio

import (
	"fmt"

	"github.com/sockeye-im/sockeye/internal/jsonscan"
)

// maxAuthDepth is how deep the arrays and objects may be nested that a client sends to
// join a namespace.
const maxAuthDepth = 100

// checkAuth refuses what is no JSON object, or too large a one. It looks at the text
// alone: whoever may send it is not known yet, and as values it would take many times the
// memory.
func (c *Config) checkAuth(auth Value) error {
	if auth == nil {
		return nil
	}
	v, ok := auth.(*jsonValue)
	if !ok { // of another codec
		return auth.Decode(new(map[string]any))
	}
	if c.MaxAuthBytes > 0 && len(v.text) > c.MaxAuthBytes {
		return fmt.Errorf("%w: auth has %d bytes, the limit is %d", ErrMalformed, len(v.text), c.MaxAuthBytes)
	}
	if !jsonscan.Object(v.text, maxAuthDepth) {
		return fmt.Errorf("%w: auth is no JSON object of at most %d levels", ErrMalformed, maxAuthDepth)
	}
	return nil
}
