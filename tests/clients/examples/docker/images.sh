# shellcheck shell=bash
# The images that examples/docker/Dockerfile begins with, made here for a daemon that has no registry. To be sourced.
recipe=$root/tests/clients/examples/docker/rust.Dockerfile
debian=$cache/debian-bookworm.tar

# Debian's files, kept; fetched before the network is left.
get_debian() {
    [ ! -e "$debian" ] || return 0
    install_for debootstrap debootstrap
    timeout 900 debootstrap --variant=minbase bookworm "$work/debian" >"$work/debootstrap" 2>&1 ||
        { tail -n 5 "$work/debootstrap" && give_up "debootstrap fails"; }
    tar -C "$work/debian" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./dev/*' \
        --one-file-system -cf "$debian.new" .
    mv "$debian.new" "$debian"
    rm -rf "$work/debian"
}

# Both images, under the names that the Dockerfile has.
have_images() {
    local made_of label='{{index .Config.Labels "made.of"}}'
    docker image inspect debian:bookworm-slim >/dev/null 2>&1 ||
        timeout 120 docker import --change 'CMD ["bash"]' "$debian" debian:bookworm-slim >"$work/import" 2>&1 ||
        { cat "$work/import" && give_up "dockerd takes no image"; }
    timeout 60 docker run --rm debian:bookworm-slim true >"$work/first" 2>&1 ||
        { tail -n 5 "$work/first" && give_up "dockerd runs no container here"; }
    made_of=$(cat "$root/Cargo.lock" "$recipe" <(rustc --version) | sha256sum | cut -d' ' -f1)
    [ "$(docker image inspect --format "$label" rust:1-bookworm 2>/dev/null)" = "$made_of" ] || make_rust "$made_of"
    echo "   made here, not taken from a registry: debian:bookworm-slim, by debootstrap; rust:1-bookworm, this machine's"
    echo "   $(rustc --version | cut -d' ' -f1,2) whose \`cargo build --release\` has the libraries already and does not optimize"
}

# What `docker build` gets: the toolchain, the certificates of this machine, the source.
make_rust() {
    local root_of_image=$work/rust/root sysroot
    echo "   making rust:1-bookworm, once for a Cargo.lock: minutes"
    sysroot=$(rustc --print sysroot)
    mkdir -p "$root_of_image"/usr/local/{bin,lib/rustlib} "$root_of_image/etc/ssl/certs" "$work/rust/source"
    cp "$sysroot"/bin/{cargo,rustc} "$root_of_image/usr/local/bin"
    cp "$sysroot"/lib/*.so* "$root_of_image/usr/local/lib"
    cp -r "$sysroot"/lib/rustlib/*-linux-gnu "$root_of_image/usr/local/lib/rustlib"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root_of_image/etc/ssl/certs"
    tar -C "$root" --exclude=./target --exclude=./.git -c . | tar -C "$work/rust/source" -x
    timeout 1500 docker build --label "made.of=$1" --file "$recipe" --tag rust:1-bookworm "$work/rust" >"$work/made" 2>&1 ||
        { tail -n 30 "$work/made" && fail "rust:1-bookworm cannot be made"; exit 1; }
    rm -rf "$work/rust"
}
