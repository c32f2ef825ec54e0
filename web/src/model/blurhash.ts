// A blurred placeholder of a picture, in some 30 characters: https://github.com/woltapp/blurhash/blob/master/Algorithm.md.

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/** Its pixels, as RGBA; undefined when the text is none. */
export function pixelsOf(hash: string, width: number, height: number): Uint8ClampedArray<ArrayBuffer> | undefined {
  const values = Array.from(hash, (char) => digits.indexOf(char));
  if (values.length < 6 || values.includes(-1)) return undefined;
  const number = (from: number, to: number): number => values.slice(from, to).reduce((sum, value) => sum * 83 + value, 0);
  const columns = (number(0, 1) % 9) + 1;
  const rows = Math.floor(number(0, 1) / 9) + 1;
  if (values.length !== 4 + 2 * columns * rows) return undefined;
  const most = (number(1, 2) + 1) / 166;
  const colours = Array.from({ length: columns * rows }, (_, i) => (i === 0 ? average(number(2, 6)) : component(number(4 + 2 * i, 6 + 2 * i), most)));
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      colours.forEach((colour, i) => {
        const weight = Math.cos((Math.PI * x * (i % columns)) / width) * Math.cos((Math.PI * y * Math.floor(i / columns)) / height);
        for (let c = 0; c < 3; c++) sum[c]! += colour[c]! * weight;
      });
      pixels.set([...sum.map(toSRGB), 255], 4 * (y * width + x));
    }
  }
  return pixels;
}

function average(value: number): number[] {
  return [value >> 16, (value >> 8) & 255, value & 255].map(toLinear);
}

function component(value: number, most: number): number[] {
  return [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19].map((part) => {
    const signed = (part - 9) / 9;
    return Math.sign(signed) * signed ** 2 * most;
  });
}

function toLinear(value: number): number {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function toSRGB(value: number): number {
  const part = Math.min(Math.max(value, 0), 1);
  return Math.round(255 * (part <= 0.0031308 ? part * 12.92 : 1.055 * part ** (1 / 2.4) - 0.055));
}
