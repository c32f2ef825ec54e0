package httpapi

import (
	"net/http"

	"github.com/sockeye-im/sockeye/internal/httpapi/docs"
)

// makePage makes the page that people read of the document.
func (a *API) makePage() ([]byte, error) {
	document, err := a.document()
	if err != nil {
		return nil, err
	}
	return docs.Page(document, stylePath, documentPath)
}

// servePage answers with the page, which is the same for all.
func (a *API) servePage(w http.ResponseWriter, r *http.Request) {
	page, err := a.page()
	if err != nil {
		a.deps.Log.Error("the page of the API could not be made", "err", err)
		problemOf(err).write(w)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", docs.Policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	_ = writeCached(w, r, "no-cache", page)
}

func serveStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_ = writeCached(w, r, "no-cache", docs.Style)
}
