package web

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
)

// The placeholder in dist keeps this line compiling when the web app has not been built; `all:` is
// what lets it match a file whose name starts with a dot.
//
//go:embed all:dist
var embedded embed.FS

// Handler serves the web app that was built into the binary. It may be mounted at "/" only, below
// every more specific pattern, and is safe for concurrent use.
func Handler() http.Handler {
	handler, err := embeddedHandler()
	if err != nil {
		// An embedded file is part of the program: one that cannot be read is a broken build.
		panic(err)
	}
	return handler
}

func embeddedHandler() (http.Handler, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the embedded web app: %w", err)
	}
	return NewHandler(dist)
}
