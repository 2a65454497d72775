# SPDX-License-Identifier: Apache-2.0
# An image that holds nothing but the static program:
#   docker build -t bnfuse . && docker run --rm -v "$PWD:/work" -u "$(id -u)" bnfuse model.onnx -o out.onnx
FROM debian:bookworm-slim AS build
COPY . /source
RUN cd /source && scripts/static.sh

FROM scratch
COPY --from=build /source/build/static/bnfuse /bnfuse
COPY --from=build /source/LICENSE /LICENSE
WORKDIR /work
USER 65534:65534
ENTRYPOINT ["/bnfuse"]
