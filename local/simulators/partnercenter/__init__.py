"""The Partner Center simulator: what a direct partner bought for customers, and on what terms."""
