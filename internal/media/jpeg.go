package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Markers of JPEG, see ITU T.81.
const (
	markSOI  = 0xd8
	markEOI  = 0xd9
	markSOS  = 0xda
	markAPP0 = 0xe0
	markCOM  = 0xfe
)

// jpeg goes from marker to marker. What follows the end of the picture, such as a film or another picture, does not stay.
func (p *Picture) jpeg(f *file) error {
	if b := f.bytes(0, 2); b == nil || b[0] != 0xff || b[1] != markSOI {
		return fmt.Errorf("%w: it does not begin as one", ErrMalformed)
	}
	if err := p.keep(0, 2); err != nil {
		return err
	}
	turned := 1
	for at := int64(2); ; {
		b := f.bytes(at, 2)
		switch {
		case b == nil: // it was cut off, and is shown as far as it goes
			return p.turn(turned)
		case b[0] != 0xff:
			return fmt.Errorf("%w: there is no marker at %d", ErrMalformed, at)
		case b[1] == 0xff: // a fill byte
			at++
			continue
		}
		mark := b[1]
		if mark == markEOI {
			if err := p.keep(at, at+2); err != nil {
				return err
			}
			return p.turn(turned)
		}
		if mark == 0x01 || mark >= 0xd0 && mark <= 0xd7 { // alone
			if err := p.keep(at, at+2); err != nil {
				return err
			}
			at += 2
			continue
		}
		head := f.bytes(at, 4)
		if head == nil {
			return p.turn(turned)
		}
		end := at + 2 + int64(binary.BigEndian.Uint16(head[2:]))
		if end < at+4 {
			return fmt.Errorf("%w: a segment at %d has no length", ErrMalformed, at)
		}
		stays, o := p.segment(f, mark, at+4, min(end, f.size))
		if o > 0 {
			turned = o
		}
		if mark == markSOS {
			end = scanEnd(f, end)
		}
		end = min(end, f.size)
		if stays {
			if err := p.keep(at, end); err != nil {
				return err
			}
		}
		at = end
	}
}

// segment looks at one, and tells whether it stays, and how it has the picture turned.
func (p *Picture) segment(f *file, mark byte, from, to int64) (stays bool, turned int) {
	switch {
	case mark >= 0xc0 && mark <= 0xcf && mark != 0xc4 && mark != 0xc8 && mark != 0xcc: // the frame
		if b := f.bytes(from, 5); b != nil && from+5 <= to {
			p.Height, p.Width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
		}
		return true, 0
	case mark == markAPP0+2: // colours, or where other pictures are in the file
		return bytes.Equal(f.bytes(from, 12), []byte("ICC_PROFILE\x00")), 0
	case mark == markAPP0+1: // Exif, XMP
		return false, orientation(f, from, to)
	case mark == markAPP0, mark == markAPP0+14: // JFIF; how colours are stored
		return true, 0
	case mark > markAPP0 && mark <= markAPP0+15, mark == markCOM:
		return false, 0
	}
	return true, 0
}

// scanEnd is where the data of a scan ends that begins at a place: at the next marker.
func scanEnd(f *file, at int64) int64 {
	for {
		rest := f.rest(at)
		if rest == nil {
			return f.size
		}
		i := bytes.IndexByte(rest, 0xff)
		if i < 0 {
			at += int64(len(rest))
			continue
		}
		at += int64(i)
		b := f.bytes(at, 2)
		if b == nil {
			return f.size
		}
		if b[1] != 0 && (b[1] < 0xd0 || b[1] > 0xd7) && b[1] != 0xff {
			return at
		}
		at += 1
		if b[1] != 0xff {
			at++
		}
	}
}

// orientation reads how Exif has a picture turned: 1 to 8, 0 if it does not say.
func orientation(f *file, from, to int64) int {
	head := f.bytes(from, 14)
	if head == nil || from+14 > to || string(head[:6]) != "Exif\x00\x00" {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(head[6:8]) == "MM" {
		order = binary.BigEndian
	}
	at := from + 6 + int64(order.Uint32(head[10:14]))
	count := f.bytes(at, 2)
	if count == nil || at+2 > to {
		return 0
	}
	for i := range int64(min(order.Uint16(count), 200)) {
		entry := f.bytes(at+2+12*i, 12)
		if entry == nil || at+2+12*(i+1) > to {
			return 0
		}
		if order.Uint16(entry) == 0x0112 {
			if o := int(order.Uint16(entry[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}

// turn keeps how the picture is to be turned, which is all of Exif that stays: behind the first marker.
func (p *Picture) turn(o int) error {
	if o <= 1 || len(p.spans) == 0 {
		return nil
	}
	p.Turned = o
	if o >= 5 {
		p.Width, p.Height = p.Height, p.Width
	}
	exif := TurnedSegment(o)
	first := p.spans[0]
	p.spans = append([]span{{from: 0, to: 2}, {instead: exif}, {from: 2, to: first.to}}, p.spans[1:]...)
	if first.to == 2 {
		p.spans = append(p.spans[:2], p.spans[3:]...)
	}
	return nil
}

// TurnedSegment is what stands behind the first marker of a JPEG, which has two bytes, and says how its pixels are to be turned: 2 to 8;
// nothing if they are not.
func TurnedSegment(how int) []byte {
	if how <= 1 {
		return nil
	}
	exif := append([]byte{0xff, markAPP0 + 1, 0, 34}, "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00"...)
	return append(exif, byte(how), 0, 0, 0, 0, 0, 0) //nolint:gosec // it is small
}
