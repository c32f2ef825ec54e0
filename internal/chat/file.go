package chat

import (
	"fmt"
	"time"

	"github.com/sockeye-im/sockeye/internal/refusal"
)

// File is what a message carries beside its text.
type File struct {
	ID    string
	Owner UserID // who has uploaded it
	Name  string // as its owner calls it, without a path
	Type  string // what its bytes are, as RFC 6838 names it
	Size  int64  // bytes
	At    time.Time
	// Processed tells that nothing more is made of it.
	Processed bool
	Details   FileDetails
	// Variants are the names of what was made of it, such as thumbnail.
	Variants []string
}

// FileDetails is what is known of the content of a file; what is not is zero. Its JSON is stored.
type FileDetails struct {
	Width      int     `json:"width,omitempty"`  // pixels, as it is shown
	Height     int     `json:"height,omitempty"` // likewise
	Format     string  `json:"format,omitempty"` // jpeg, mp4
	Duration   float64 `json:"duration,omitempty"`
	Bitrate    int     `json:"bitrate,omitempty"`    // bits a second
	SampleRate int     `json:"sampleRate,omitempty"` // a second
	// Blurhash is a picture in some letters, see https://blurha.sh: what to show until it has come.
	Blurhash string `json:"blurhash,omitempty"`
}

// CodeFileNotFound is that of ErrFileNotFound.
const CodeFileNotFound refusal.Code = "file_not_found"

// ErrFileNotFound is for a file that is not there, is not whole, or is not for who asks: these are not told apart.
var ErrFileNotFound = &refusal.Error{Code: CodeFileNotFound, Message: "File not found"}

// Attach returns the files that the message is to carry, in the order in which it names them, given those of them that are there and
// whole. Each has to be its sender's own: others may be known by their ids only. Drivers call it inside the transaction.
func (c *Append) Attach(m *Message, there map[string]File) ([]File, error) {
	var files []File
	for i, id := range m.Attachments {
		f, found := there[id]
		switch {
		case found && f.Owner == m.SenderID:
			files = append(files, f)
		case c.RequireFiles:
			return nil, ErrFileNotFound.In(fmt.Sprintf("attachments[%d]", i))
		}
	}
	return files, nil
}
