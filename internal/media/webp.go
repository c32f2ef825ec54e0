package media

import (
	"encoding/binary"
	"fmt"
)

// webp goes from chunk to chunk, see RFC 9649. What follows the container does not stay.
func (p *Picture) webp(f *file) error {
	head := f.bytes(0, 12)
	if head == nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return fmt.Errorf("%w: it does not begin as one", ErrMalformed)
	}
	until := min(8+int64(binary.LittleEndian.Uint32(head[4:])), f.size)
	if err := p.put(nil); err != nil { // the header, whose length is known at the end
		return err
	}
	length, dropped := int64(4), until != f.size
	for at := int64(12); at < until; {
		head := f.bytes(at, 8)
		if head == nil {
			break
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		end := min(at+8+size+size&1, until)
		switch kind := string(head[:4]); kind {
		case "EXIF", "XMP ":
			dropped = true
		case "VP8X":
			b := f.bytes(at, 18)
			if b == nil || size < 10 {
				return fmt.Errorf("%w: its header is too short", ErrMalformed)
			}
			p.Width, p.Height = 1+(int(b[12])|int(b[13])<<8|int(b[14])<<16), 1+(int(b[15])|int(b[16])<<8|int(b[17])<<16)
			if b[8]&0x0c == 0 {
				if err := p.keep(at, end); err != nil {
					return err
				}
			} else { // it says that there are Exif or XMP
				dropped = true
				changed := append([]byte(nil), b...)
				changed[8] &^= 0x0c
				if err := p.put(changed); err != nil {
					return err
				}
				if end > at+18 {
					if err := p.keep(at+18, end); err != nil {
						return err
					}
				}
			}
			length += end - at
		default:
			if p.Width == 0 {
				p.frame(f, kind, at+8)
			}
			if err := p.keep(at, end); err != nil {
				return err
			}
			length += end - at
		}
		at = end
	}
	if !dropped {
		p.spans = []span{{from: 0, to: f.size}}
		return nil
	}
	p.spans[0].instead = binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(length)) //nolint:gosec // it is less than the file's, of 32 bits
	p.spans[0].instead = append(p.spans[0].instead, "WEBP"...)
	return nil
}

// frame reads the size of a picture that is alone in its file.
func (p *Picture) frame(f *file, kind string, at int64) {
	switch b := f.bytes(at, 10); {
	case b == nil:
	case kind == "VP8 ":
		p.Width, p.Height = int(binary.LittleEndian.Uint16(b[6:]))&0x3fff, int(binary.LittleEndian.Uint16(b[8:]))&0x3fff
	case kind == "VP8L":
		bits := binary.LittleEndian.Uint32(b[1:])
		p.Width, p.Height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
	}
}
