import sharp from "sharp";

/** A JPEG with detail at every scale, like a photograph: the sum of noise of several sizes. */
export async function makePhoto(width: number, height: number): Promise<Buffer> {
	const layers = await Promise.all(
		[4, 16, 64].map(async (scale) => {
			const noise = { type: "gaussian", mean: 128, sigma: 50 } as const;
			const size = { width: Math.ceil(width / scale), height: Math.ceil(height / scale) };
			const small = await sharp({ create: { ...size, channels: 3, background: "grey", noise } })
				.png()
				.toBuffer();
			return sharp(small).resize(width, height, { kernel: "cubic" }).ensureAlpha(0.5).png({ compressionLevel: 1 }).toBuffer();
		}),
	);
	const [base, ...others] = layers;
	return sharp(base)
		.composite(others.map((input) => ({ input })))
		.flatten()
		.jpeg({ quality: 92 })
		.toBuffer();
}
