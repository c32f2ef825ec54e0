package engineio

import (
	"net/http"
	"slices"
	"strings"
)

// CORS says which other origins' pages may use the server (Fetch standard,
// section "CORS protocol").
type CORS struct {
	// Origins allowed, such as https://example.com; "*" allows all.
	Origins []string
	// Credentials lets browsers send cookies and authentication, from origins
	// that are named: "*" does not cover them, as the standard demands.
	Credentials bool
	// Headers that requests may carry beside the safe-listed ones. Default: what
	// the preflight asks for.
	Headers []string
}

// apply sets the headers and reports whether r was a preflight, now answered.
func (c *CORS) apply(w http.ResponseWriter, r *http.Request) (answered bool) {
	if c == nil {
		return false
	}
	h := w.Header()
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Add("Vary", "Origin")
		switch {
		case slices.Contains(c.Origins, origin):
			h.Set("Access-Control-Allow-Origin", origin)
			if c.Credentials {
				h.Set("Access-Control-Allow-Credentials", "true")
			}
		case slices.Contains(c.Origins, "*"):
			h.Set("Access-Control-Allow-Origin", "*")
		}
	}
	if r.Method != http.MethodOptions {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET,POST")
	if len(c.Headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(c.Headers, ","))
	} else if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Add("Vary", "Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Headers", asked)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
