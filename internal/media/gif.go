package media

import (
	"encoding/binary"
	"fmt"
)

// gif goes from block to block, see the specification of GIF 89a. What follows the last one does not stay.
func (p *Picture) gif(f *file) error {
	head := f.bytes(0, 13)
	if head == nil || string(head[:4]) != "GIF8" {
		return fmt.Errorf("%w: it does not begin as one", ErrMalformed)
	}
	p.Width, p.Height = int(binary.LittleEndian.Uint16(head[6:])), int(binary.LittleEndian.Uint16(head[8:]))
	at := 13 + colours(head[10])
	if at > f.size {
		return fmt.Errorf("%w: it ends in its colours", ErrMalformed)
	}
	if err := p.keep(0, at); err != nil {
		return err
	}
	for {
		b := f.bytes(at, 1)
		if b == nil { // it was cut off
			return nil
		}
		begin, stays := at, true
		switch b[0] {
		case 0x3b:
			return p.keep(at, at+1)
		case 0x2c: // a picture
			head := f.bytes(at, 10)
			if head == nil {
				return nil
			}
			at = subBlocks(f, at+10+colours(head[9])+1)
		case 0x21: // an extension
			label := f.bytes(at, 2)
			if label == nil {
				return nil
			}
			switch label[1] {
			case 0xfe: // a comment
				stays = false
			case 0xff: // a program's own: how often it is played stays
				name := f.bytes(at, 14)
				stays = name != nil && (string(name[3:]) == "NETSCAPE2.0" || string(name[3:]) == "ANIMEXTS1.0")
			}
			at = subBlocks(f, at+2)
		default:
			return fmt.Errorf("%w: there is no block at %d", ErrMalformed, at)
		}
		if at = min(at, f.size); stays {
			if err := p.keep(begin, at); err != nil {
				return err
			}
		}
	}
}

// colours is how many bytes a table of colours has, by the flags of who has it.
func colours(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// subBlocks is where a chain of them ends.
func subBlocks(f *file, at int64) int64 {
	for {
		b := f.bytes(at, 1)
		if b == nil {
			return f.size
		}
		at += 1 + int64(b[0])
		if b[0] == 0 {
			return at
		}
	}
}
