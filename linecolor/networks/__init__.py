"""The networks: ResNeXt U-Nets, the discriminator, frozen feature extractors."""
