package media

import (
	"encoding/binary"
	"fmt"
	"math"
)

// png goes from chunk to chunk, see RFC 2083. What follows the last one does not stay.
func (p *Picture) png(f *file) error {
	if string(f.bytes(0, 8)) != "\x89PNG\r\n\x1a\n" {
		return fmt.Errorf("%w: it does not begin as one", ErrMalformed)
	}
	head := f.bytes(8, 16)
	if head == nil || string(head[4:8]) != "IHDR" {
		return fmt.Errorf("%w: its header is missing", ErrMalformed)
	}
	width, height := binary.BigEndian.Uint32(head[8:]), binary.BigEndian.Uint32(head[12:])
	if width > math.MaxInt32 || height > math.MaxInt32 {
		return fmt.Errorf("%w: it is too large", ErrMalformed)
	}
	p.Width, p.Height = int(width), int(height)
	if err := p.keep(0, 8); err != nil {
		return err
	}
	for at := int64(8); ; {
		head := f.bytes(at, 8)
		if head == nil { // it was cut off
			return nil
		}
		end := min(at+12+int64(binary.BigEndian.Uint32(head)), f.size)
		kind := string(head[4:])
		switch kind {
		case "eXIf", "tEXt", "zTXt", "iTXt", "tIME":
		default:
			if err := p.keep(at, end); err != nil {
				return err
			}
		}
		if kind == "IEND" {
			return nil
		}
		at = end
	}
}
