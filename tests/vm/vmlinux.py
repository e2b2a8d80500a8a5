#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vmlinux.py BZIMAGE OUT: the uncompressed kernel, which QEMU boots without decompressing it first.

A bzImage (Documentation/arch/x86/boot.rst) has its payload at the offset payload_offset, 0x248, from the
end of the setup sectors, 0x1f1; payload_length is at 0x24c and its last four bytes are the size.
"""
import lzma
import struct
import subprocess
import sys
import zlib

DECOMPRESSORS = {
    b"\xfd7zXZ": lambda data: lzma.LZMADecompressor().decompress(data),
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data),
    b"\x28\xb5\x2f\xfd": lambda data: run("zstd", data),
    b"\x02\x21\x4c\x18": lambda data: run("lz4", data),
}


def run(program, data):
    """What the program makes of it; the kernel's size after the data is not its concern."""
    return subprocess.run([program, "-dc"], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False).stdout


def main():
    with open(sys.argv[1], "rb") as f:
        image = f.read()
    if image[0x202:0x206] != b"HdrS":
        sys.exit("%s: no bzImage" % sys.argv[1])
    setup = (image[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup * 512 + offset:][:length]
    for magic, decompress in DECOMPRESSORS.items():
        if payload.startswith(magic):
            kernel = decompress(payload)
            break
    else:
        sys.exit("%s: an unknown compression, %s" % (sys.argv[1], payload[:6].hex()))
    if kernel[:4] != b"\x7fELF":
        sys.exit("%s: no ELF file in it" % sys.argv[1])
    with open(sys.argv[2], "wb") as f:
        f.write(kernel)


if __name__ == "__main__":
    main()
