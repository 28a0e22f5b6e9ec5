# Draws the JPEG files of this folder with Pillow and libjpeg's jpegtran.
import math, subprocess
from PIL import Image

w, h = 45, 38
rgb = Image.new("RGB", (w, h))
rgb.putdata([(int(127 + 120 * math.sin(x / 5 + y / 9)), (5 * x + 3 * y) % 256, int(127 + 120 * math.cos(x * y / 60)))
             for y in range(h) for x in range(w)])
for name, sub in ("444", 0), ("422", 1), ("420", 2):
    rgb.save(f"colour-{name}.jpg", quality=80, subsampling=sub)
rgb.convert("L").save("grey.jpg", quality=80)
rgb.convert("CMYK").save("cmyk.jpg", quality=80)
rgb.save("progressive.jpg", quality=80, progressive=True)
rgb.save("optimised.jpg", quality=95, optimize=True)
for args, name in (["-restart", "2B"], "restart.jpg"), (["-rotate", "90"], "colour-440.jpg"):
    source = "colour-422.jpg" if "-rotate" in args else "colour-420.jpg"
    subprocess.run(["jpegtran", *args, "-outfile", name, source], check=True)
