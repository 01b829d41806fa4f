/**
 * Writes a `.br` and a `.gz` beside every text file of the build, so the server sends them as they are.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress, createGzip } from "node:zlib";

const TEXT = /\.(?:js|css|html|svg|json|webmanifest|txt)$/;
/** Below one packet a compressed copy saves nothing. */
const SMALLEST_BYTES = 1024;

/**
 * @param {string} folder
 * @returns {AsyncGenerator<string>}
 */
async function* walk(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else yield path;
  }
}

/** @returns {import("vite").Plugin} */
export function precompress() {
  let folder = "dist";
  return {
    name: "studio:precompress",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      for await (const path of walk(folder)) {
        const { size } = await stat(path);
        if (!TEXT.test(path) || size < SMALLEST_BYTES) continue;
        const brotli = createBrotliCompress({
          params: {
            [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
            [constants.BROTLI_PARAM_SIZE_HINT]: size,
          },
        });
        await pipeline(createReadStream(path), brotli, createWriteStream(`${path}.br`));
        await pipeline(createReadStream(path), createGzip({ level: 9 }), createWriteStream(`${path}.gz`));
      }
    },
  };
}
