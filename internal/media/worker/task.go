// Package worker makes thumbnails and previews of pictures in processes of their own: what decodes the bytes of strangers may run out of
// memory or time, or be made to do what its attacker wants, and then a process dies that has one file, no network and no other file.
//
//	task.go     Task, Made: what a process is asked, and what it says
//	stream.go   what is made, on its way from one process to the other
//	pool.go     Pool: the side of the server, which starts processes and ends them
//	main.go     Main: the side of the process
//	confine*.go what the process may not do, which it gives up before it reads
//	picture.go  what is made of a picture
//	decode.go   a picture from its bytes, once its header is known to be within bounds
//	reduce.go   smaller pictures
//	blurhash.go a picture in 30 characters
package worker

import (
	"time"
)

// Argument is the first one of a program that is to call [Main]; the second one is a [Task].
const Argument = "media-worker"

// Names of what is made of a picture.
const (
	Thumbnail  = "thumbnail"  // 200 by 200, or the smaller side of the picture where that is less: the middle of it
	Preview    = "preview"    // fits into 1280 by 1280
	Compressed = "compressed" // as large as the picture, of fewer bytes
)

// typeJPEG is what everything is that is made of pictures.
const typeJPEG = "image/jpeg"

// The sizes of what is made, in pixels, and the quality of JPEG, of 100. A picture of fewer bytes than previewFrom that fits is its own
// preview, and one of fewer than compressFrom is not compressed.
const (
	thumbnailSide = 200
	previewSide   = 1280
	quality       = 70 // of what is as large as the picture, and of previews
	smallQuality  = 80 // of thumbnails
	previewFrom   = 500_000
	compressFrom  = 2_000_000
)

// Task is what a process is asked: to look at the file that is its standard input.
type Task struct {
	Type      string        `json:"type"`   // of the file, as RFC 6838 names it
	MaxPixels int           `json:"pixels"` // that it may have
	Memory    int64         `json:"memory"` // bytes of address space, beyond what a process has that does nothing
	CPU       time.Duration `json:"cpu"`    // of the processor
}

// Made is what a process says of a file of which it has made all that it could.
type Made struct {
	Width    int    `json:"width"`  // pixels, as it is shown
	Height   int    `json:"height"` // likewise
	Blurhash string `json:"blurhash"`
	// Confined are the means by which the process was kept from files and the network: landlock, seccomp.
	Confined []string `json:"confined"`
}
