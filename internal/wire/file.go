package wire

import "github.com/sockeye-im/sockeye/internal/chat"

// FileInfo is a file as it travels. Addresses are relative to the server; what of them is not there was not made.
type FileInfo struct {
	ID           string       `json:"id"`
	OriginalName string       `json:"originalName"` // as its uploader calls it
	Filename     string       `json:"filename"`     // of letters and digits, with an ending for its type
	Mimetype     string       `json:"mimetype"`     // what its bytes are
	Size         int64        `json:"size"`         // bytes
	UploadedBy   chat.UserID  `json:"uploadedBy"`
	UploadedAt   Time         `json:"uploadedAt"`
	Processed    bool         `json:"processed"` // nothing more is made of it
	Metadata     FileMetadata `json:"metadata"`
	URL          string       `json:"url"`
	Thumbnail    string       `json:"thumbnail,omitempty"`
	Compressed   string       `json:"compressed,omitempty"`
	Preview      string       `json:"preview,omitempty"`
	Blurhash     string       `json:"blurhash,omitempty"` // what to show of a picture until it has come, see https://blurha.sh
}

// FileProcessed tells that all is made of a file that could be made.
type FileProcessed struct {
	File FileInfo `json:"file"`
}

func processedOf(f *chat.File) FileProcessed { return FileProcessed{FileOf(f)} }

// FileMetadata is what is known of the content of a file.
type FileMetadata struct {
	Width      int     `json:"width,omitempty"`  // pixels, as it is shown
	Height     int     `json:"height,omitempty"` // likewise
	Format     string  `json:"format,omitempty"`
	Duration   float64 `json:"duration,omitempty"`   // seconds
	Bitrate    int     `json:"bitrate,omitempty"`    // bits a second
	SampleRate int     `json:"sampleRate,omitempty"` // a second
}

// endings are those of names, by types.
var endings = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "video/mp4": ".mp4", "video/webm": ".webm",
	"audio/mpeg": ".mp3", "audio/wav": ".wav", "audio/ogg": ".ogg", "application/pdf": ".pdf", "text/plain": ".txt",
}

// FileOf is f as it travels.
func FileOf(f *chat.File) FileInfo {
	address := func(variant string) string { return "/files/" + f.ID + "/" + variant }
	d := &f.Details
	out := FileInfo{
		ID: f.ID, OriginalName: f.Name, Filename: f.ID + endings[f.Type], Mimetype: f.Type, Size: f.Size, UploadedBy: f.Owner, UploadedAt: Time(f.At),
		Processed: f.Processed, URL: address("original"), Blurhash: d.Blurhash,
		Metadata: FileMetadata{d.Width, d.Height, d.Format, d.Duration, d.Bitrate, d.SampleRate},
	}
	for _, variant := range f.Variants {
		switch variant {
		case "thumbnail":
			out.Thumbnail = address(variant)
		case "compressed":
			out.Compressed = address(variant)
		case "preview":
			out.Preview = address(variant)
		}
	}
	return out
}

// attachmentsOf are the files of a message, in the order in which it names them. Of one that is not known there is the id alone.
func attachmentsOf(m *chat.Message) []FileInfo {
	files := make([]FileInfo, 0, len(m.Attachments))
	for _, id := range m.Attachments {
		info := FileInfo{ID: id}
		for i := range m.Files {
			if m.Files[i].ID == id {
				info = FileOf(&m.Files[i])
			}
		}
		files = append(files, info)
	}
	return files
}
