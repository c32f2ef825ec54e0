package worker

import (
	"image"
	"image/color"
)

// reduce returns a picture in another size, of at most as many pixels each way: each is the mean of the area that it stands for. What is
// transparent is white. Planes are reduced as they are, without a copy of the picture in another form: a photograph of 12 megapixels
// takes some milliseconds.
func reduce(m image.Image, width, height int) *image.YCbCr {
	small := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio444)
	b := m.Bounds()
	switch m := m.(type) {
	case *image.YCbCr:
		reducePlane(small.Y, width, height, m.Y[m.YOffset(b.Min.X, b.Min.Y):], m.YStride, b.Dx(), b.Dy())
		across, down := coarseness(m.SubsampleRatio)
		cw, ch := (b.Dx()+across-1)/across, (b.Dy()+down-1)/down
		at := m.COffset(b.Min.X, b.Min.Y)
		reducePlane(small.Cb, width, height, m.Cb[at:], m.CStride, cw, ch)
		reducePlane(small.Cr, width, height, m.Cr[at:], m.CStride, cw, ch)
	case *image.Gray:
		reducePlane(small.Y, width, height, m.Pix[m.PixOffset(b.Min.X, b.Min.Y):], m.Stride, b.Dx(), b.Dy())
		for i := range small.Cb {
			small.Cb[i], small.Cr[i] = 128, 128
		}
	default:
		reduceColours(small, m)
	}
	return small
}

// coarseness is how many pixels share a colour, each way.
func coarseness(ratio image.YCbCrSubsampleRatio) (across, down int) {
	switch ratio {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	default:
		return 1, 1
	}
}

func reducePlane(to []byte, width, height int, from []byte, stride, fromWidth, fromHeight int) {
	r := newReducer(to, width, height, fromWidth, fromHeight)
	for y := range fromHeight {
		r.add(from[y*stride:][:fromWidth])
	}
}

// reduceColours is for pictures that are not made of planes: row by row.
func reduceColours(small *image.YCbCr, m image.Image) {
	b, size := m.Bounds(), small.Bounds()
	planes := [3][]byte{small.Y, small.Cb, small.Cr} // red, green and blue, at first
	var rows [3][]byte
	var reducers [3]*reducer
	for i := range planes {
		rows[i] = make([]byte, b.Dx())
		reducers[i] = newReducer(planes[i], size.Dx(), size.Dy(), b.Dx(), b.Dy())
	}
	read := rowsOf(m)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		read(y, rows[0], rows[1], rows[2])
		for i := range reducers {
			reducers[i].add(rows[i])
		}
	}
	for i := range small.Y {
		small.Y[i], small.Cb[i], small.Cr[i] = color.RGBToYCbCr(small.Y[i], small.Cb[i], small.Cr[i])
	}
}

// rowsOf returns what reads a row of a picture, on white.
func rowsOf(m image.Image) func(y int, red, green, blue []byte) {
	left := m.Bounds().Min.X
	switch m := m.(type) {
	case *image.NRGBA:
		return func(y int, red, green, blue []byte) {
			row := m.Pix[m.PixOffset(left, y):]
			for x := range red {
				p := row[4*x:][:4:4]
				red[x], green[x], blue[x] = onWhite(p[0], p[3]), onWhite(p[1], p[3]), onWhite(p[2], p[3])
			}
		}
	case *image.RGBA: // what a decoder of PNG returns where nothing is transparent
		return func(y int, red, green, blue []byte) {
			row := m.Pix[m.PixOffset(left, y):]
			for x := range red {
				p := row[4*x:][:4:4]
				white := 255 - p[3]
				red[x], green[x], blue[x] = p[0]+white, p[1]+white, p[2]+white
			}
		}
	case *image.Paletted:
		return palettedRows(m, m.Rect)
	case *placed:
		return palettedRows(m.Paletted, m.canvas)
	}
	return func(y int, red, green, blue []byte) {
		for x := range red {
			red[x], green[x], blue[x] = rgb(m.At(left+x, y))
		}
	}
}

// palettedRows are those of a canvas on which a picture is, and nothing else.
func palettedRows(m *image.Paletted, canvas image.Rectangle) func(y int, red, green, blue []byte) {
	var colours [256][3]byte
	for i := range colours {
		colours[i] = [3]byte{255, 255, 255}
		if i < len(m.Palette) {
			colours[i][0], colours[i][1], colours[i][2] = rgb(m.Palette[i])
		}
	}
	return func(y int, red, green, blue []byte) {
		for x := range red {
			c := [3]byte{255, 255, 255}
			if at := image.Pt(canvas.Min.X+x, y); at.In(m.Rect) {
				c = colours[m.Pix[m.PixOffset(at.X, at.Y)]]
			}
			red[x], green[x], blue[x] = c[0], c[1], c[2]
		}
	}
}

// onWhite is a part of a colour that is transparent by some of 255.
func onWhite(c, alpha byte) byte {
	return byte((uint32(c)*uint32(alpha) + 255*(255-uint32(alpha)) + 127) / 255) //nolint:gosec // it is at most 255
}

// rgb is a colour on white.
func rgb(c color.Color) (red, green, blue byte) {
	r, g, b, a := c.RGBA()
	white := 0xffff - a
	return byte((r + white) >> 8), byte((g + white) >> 8), byte((b + white) >> 8) //nolint:gosec // each is at most 0xffff
}

// reducer takes the rows of a plane, and writes those of a smaller one.
type reducer struct {
	to                    []byte
	width, height         int
	fromWidth, fromHeight int
	parts                 []part   // for each column of to, of a row
	sums                  []uint64 // of a row
	total                 []uint64 // of the row of to that is being made
	taken, made           int      // rows
}

// part is what of a row a pixel stands for: some of the first pixel, those between, some of the last.
type part struct {
	first, last    int
	ofFirst, ofEnd uint64
}

func newReducer(to []byte, width, height, fromWidth, fromHeight int) *reducer {
	r := &reducer{
		to: to, width: width, height: height, fromWidth: fromWidth, fromHeight: fromHeight, parts: make([]part, width),
		sums: make([]uint64, width), total: make([]uint64, width),
	}
	// In units of which a pixel of to has fromWidth, and one of the row has width.
	for x := range r.parts {
		from, to := x*fromWidth, (x+1)*fromWidth
		p := part{first: from / width, last: (to - 1) / width}
		if p.first == p.last {
			p.ofFirst = uint64(fromWidth) //nolint:gosec // it is not negative, nor are the others
		} else {
			p.ofFirst, p.ofEnd = uint64((p.first+1)*width-from), uint64(to-p.last*width) //nolint:gosec // see above
		}
		r.parts[x] = p
	}
	return r
}

// add takes the next row.
func (r *reducer) add(row []byte) {
	whole := uint64(r.width) //nolint:gosec // it is not negative
	for x := range r.parts {
		p := &r.parts[x]
		sum := uint64(row[p.first])*p.ofFirst + uint64(row[p.last])*p.ofEnd
		if p.last > p.first+1 {
			between := uint64(0)
			for _, v := range row[p.first+1 : p.last] {
				between += uint64(v)
			}
			sum += between * whole
		}
		r.sums[x] = sum
	}
	from, to := r.taken*r.height, (r.taken+1)*r.height
	r.taken++
	for r.made < r.height {
		end := (r.made + 1) * r.fromHeight
		weight := uint64(min(to, end) - max(from, r.made*r.fromHeight)) //nolint:gosec // they overlap
		for x, sum := range r.sums {
			r.total[x] += sum * weight
		}
		if end > to {
			return
		}
		r.write()
		if end == to {
			return
		}
	}
}

// write ends a row.
func (r *reducer) write() {
	area := uint64(r.fromWidth) * uint64(r.fromHeight) //nolint:gosec // they are not negative
	row := r.to[r.made*r.width:][:r.width]
	for x, total := range r.total {
		row[x] = byte((total + area/2) / area) //nolint:gosec // it is a mean of bytes
		r.total[x] = 0
	}
	r.made++
}

// turned returns a picture as Exif has it turned: 1 to 8.
func turned(m *image.YCbCr, how int) *image.YCbCr {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	var from func(x, y int) (int, int)
	switch how {
	case 2:
		from = func(x, y int) (int, int) { return w - 1 - x, y }
	case 3:
		from = func(x, y int) (int, int) { return w - 1 - x, h - 1 - y }
	case 4:
		from = func(x, y int) (int, int) { return x, h - 1 - y }
	case 5:
		from = func(x, y int) (int, int) { return y, x }
	case 6:
		from = func(x, y int) (int, int) { return y, h - 1 - x }
	case 7:
		from = func(x, y int) (int, int) { return w - 1 - y, h - 1 - x }
	case 8:
		from = func(x, y int) (int, int) { return w - 1 - y, x }
	default:
		return m
	}
	size := image.Rect(0, 0, w, h)
	if how >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewYCbCr(size, image.YCbCrSubsampleRatio444)
	for y := range size.Dy() {
		for x := range size.Dx() {
			fx, fy := from(x, y)
			i, o := fy*m.YStride+fx, y*out.YStride+x
			out.Y[o], out.Cb[o], out.Cr[o] = m.Y[i], m.Cb[i], m.Cr[i]
		}
	}
	return out
}

// middle is the largest square in the middle of a picture.
func middle(m *image.YCbCr) *image.YCbCr {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	side := min(w, h)
	at := image.Pt((w-side)/2, (h-side)/2)
	out := image.NewYCbCr(image.Rect(0, 0, side, side), image.YCbCrSubsampleRatio444)
	for y := range side {
		from, to := (at.Y+y)*m.YStride+at.X, y*out.YStride
		copy(out.Y[to:][:side], m.Y[from:])
		copy(out.Cb[to:][:side], m.Cb[from:])
		copy(out.Cr[to:][:side], m.Cr[from:])
	}
	return out
}
