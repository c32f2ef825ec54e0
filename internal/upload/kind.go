package upload

import (
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// headSize is how much of a file's beginning tells what it is.
const headSize = 3072

// alike are types that are shown and played as another one, under whose name they are kept.
var alike = map[string]string{
	"image/vnd.mozilla.apng": "image/png",
	"audio/mp3":              "audio/mpeg",
	"audio/x-wav":            "audio/wav",
	"application/ogg":        "audio/ogg",
	"video/x-m4v":            "video/mp4",
}

// guessed are types that any text may seem to be, with as many commas or tabs in each of its lines: where these are not allowed it is text.
var guessed = map[string]bool{"text/csv": true, "text/tab-separated-values": true}

// KindOf tells what a file is by its beginning, whatever its name says.
func KindOf(head []byte) string {
	name, _, _ := strings.Cut(mimetype.Detect(head[:min(len(head), headSize)]).String(), ";")
	if usual, differs := alike[name]; differs {
		return usual
	}
	return name
}
