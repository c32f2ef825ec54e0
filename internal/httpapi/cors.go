package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// cors lets pages of the configured origins use the API. Nothing is allowed to carry cookies: there are none. It is true
// for a question of a browser's, which is answered by the headers alone.
func (a *API) cors(h http.Header, r *http.Request) (preflight bool) {
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	preflight = r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != ""
	switch {
	case origin == "":
		return false
	case slices.Contains(a.cfg.Origins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(a.cfg.Origins, strings.ToLower(origin)):
		h.Set("Access-Control-Allow-Origin", origin)
	default:
		return preflight // without a permission the browser goes no further
	}
	if preflight {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Range, Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Concat, "+
			"Upload-Checksum, X-HTTP-Method-Override, X-Request-ID")
		h.Set("Access-Control-Max-Age", "600")
	} else {
		h.Set("Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, Content-Range, Accept-Ranges, "+
			"Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Metadata, "+
			"Upload-Concat, Upload-Expires")
	}
	return preflight
}
