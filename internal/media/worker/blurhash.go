package worker

import (
	"image"
	"image/color"
	"math"
)

// alphabet is that of blurhashes, see https://github.com/woltapp/blurhash/blob/master/Algorithm.md.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"

// digits are the values of the letters of the alphabet; -1 for others.
var digits = func() (of [256]int8) {
	for i := range of {
		of[i] = -1
	}
	for i, c := range []byte(alphabet) {
		of[c] = int8(i) //nolint:gosec // there are 83
	}
	return of
}()

// blurSide is the larger side of the picture of which a blurhash is made: it has no more in it.
const blurSide = 32

// blurhash is a picture as a few waves, four along its larger side and three along the other one, in 28 letters.
func blurhash(m *image.YCbCr) string {
	larger := max(m.Rect.Dx(), m.Rect.Dy())
	m = reduce(m, scaled(m.Rect.Dx(), blurSide, larger), scaled(m.Rect.Dy(), blurSide, larger))
	across, down := 4, 3
	if m.Rect.Dy() > m.Rect.Dx() {
		across, down = 3, 4
	}
	waves := wavesOf(m, across, down)
	largest := 0.0
	for _, wave := range waves[1:] {
		largest = max(largest, math.Abs(wave[0]), math.Abs(wave[1]), math.Abs(wave[2]))
	}
	step := min(max(int(largest*166-0.5), 0), 82)
	hash := digitsOf(nil, across-1+(down-1)*9, 1)
	hash = digitsOf(hash, step, 1)
	mean := waves[0]
	hash = digitsOf(hash, int(encodeSRGB(mean[0]))<<16|int(encodeSRGB(mean[1]))<<8|int(encodeSRGB(mean[2])), 4)
	for _, wave := range waves[1:] {
		value := 0
		for _, c := range wave {
			c /= float64(step+1) / 166
			value = value*19 + min(max(int(math.Floor(math.Copysign(math.Sqrt(math.Abs(c)), c)*9+9.5)), 0), 18)
		}
		hash = digitsOf(hash, value, 2)
	}
	return string(hash)
}

// wavesOf are the parts of a picture: how much there is of each wave, in red, green and blue.
func wavesOf(m *image.YCbCr, across, down int) [][3]float64 {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	waves := make([][3]float64, across*down)
	for y := range height {
		for x := range width {
			i := y*m.YStride + x
			r, g, b := color.YCbCrToRGB(m.Y[i], m.Cb[i], m.Cr[i])
			colour := [3]float64{linear(r), linear(g), linear(b)}
			for n := range waves {
				basis := math.Cos(math.Pi*float64(n%across)*float64(x)/float64(width)) * math.Cos(math.Pi*float64(n/across)*float64(y)/float64(height))
				for c := range colour {
					waves[n][c] += basis * colour[c]
				}
			}
		}
	}
	for n := range waves {
		scale := 2 / float64(width*height)
		if n == 0 {
			scale /= 2
		}
		for c := range waves[n] {
			waves[n][c] *= scale
		}
	}
	return waves
}

// digitsOf appends a number in so many letters.
func digitsOf(to []byte, value, letters int) []byte {
	for i := letters - 1; i >= 0; i-- {
		place := 1
		for range i {
			place *= len(alphabet)
		}
		to = append(to, alphabet[value/place%len(alphabet)])
	}
	return to
}

// linear is how much light a value of sRGB is, encodeSRGB the opposite; see IEC 61966-2-1.
func linear(c byte) float64 {
	v := float64(c) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func encodeSRGB(v float64) byte {
	v = min(max(v, 0), 1)
	if v <= 0.0031308 {
		return byte(v*12.92*255 + 0.5)
	}
	return byte((1.055*math.Pow(v, 1/2.4)-0.055)*255 + 0.5)
}
