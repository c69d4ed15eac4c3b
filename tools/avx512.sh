#!/usr/bin/env bash
# The C tests with x86-64-v4 on a CPU that need not have it: Linux on bochs, which emulates AVX-512. Bochs runs 30
# million instructions a second: one case of EVERY (17) takes a quarter of an hour, all of them half a day.
# LINUX: a kernel image; without it, Debian's is fetched. Debian: bochs bochsbios vgabios isolinux syslinux-common
# xorriso cpio busybox-static. CPU: another of `bochs --help cpu`; SET: the instruction set to test.
# Bochs 2.7 rounds ties to float16 up (2049 to 2050: 0x6801, AVX2's instruction, too; CPUs give 0x6800): with it the
# hash differs for float16, and for nothing else. A newer one may do better.
set -euo pipefail
set=${SET:-x86-64-v4} every=${EVERY:-17}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LDFLAGS=-static bash tools/c_test.sh build/c_test_static

# The hash of these cases on this CPU.
C_TEST_SET=x86-64 C_TEST_WAYS=1 C_TEST_EVERY=$every build/c_test_static/c_test - sweep int8 far_apart |
    awk '/^hash/ {print $2}' >"$work/expected"
cat "$work/expected"

if [[ -z ${LINUX:-} ]]; then
    package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2}')
    (cd "$work" && apt-get download -qq "$package" && dpkg -x ./*.deb kernel)
    LINUX=$(ls "$work"/kernel/boot/vmlinuz-*)
fi

# What runs instead of init. Failing malloc is left out: in a static program the C library's own fails, too. Two of
# seven ways to try a case, in memory that ends and that begins at a page which faults.
mkdir -p "$work/root/bin" "$work/iso/isolinux"
cp /bin/busybox "$work/root/bin/"
cp build/c_test_static/c_test "$work/expected" "$work/root/"
cat >"$work/root/init" <<END
#!/bin/busybox sh
export C_TEST_SET=$set C_TEST_WAYS=2 C_TEST_EVERY=$every
cd /
/c_test expected sweep int8 far_apart streams callers && echo "all of it passed, and the bits are those of x86-64"
/bin/busybox poweroff -f
END
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip) >"$work/iso/initrd.gz"

# Linux finds the sizes bochs 2.7 gives for compacted register states inconsistent: not the compacted form.
cp "$LINUX" "$work/iso/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/isolinux/"
cat >"$work/iso/isolinux/isolinux.cfg" <<'END'
DEFAULT tests
LABEL tests
  KERNEL /vmlinuz
  INITRD /initrd.gz
  APPEND console=ttyS0 quiet nokaslr mitigations=off tsc=reliable clearcpuid=321,322,323,515
END
xorriso -as mkisofs -quiet -o "$work/tests.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso" 2>/dev/null

cat >"$work/bochsrc" <<END
cpu: model=${CPU:-corei7_skylake_x}, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=1024, host=1024
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path=$work/tests.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/serial
display_library: rfb, options="timeout=0"
log: $work/log
panic: action=fatal
clock: sync=none
END
echo c >"$work/start" # Debian's is built with the debugger, which waits for it
touch "$work/serial"
tail -f "$work/serial" &
reader=$!
bochs -q -f "$work/bochsrc" -rc "$work/start" >"$work/screen" 2>&1 </dev/null || true # powering off ends it with 1
sleep 1
kill "$reader"
grep -q "all of it passed" "$work/serial"
